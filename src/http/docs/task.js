import { h, jsonView } from './element.js'
import { inputForm } from './form.js'
import { jobView } from './job.js'
import { resolve, sampleOf, schemaView } from './schema.js'

/** Everything of one task: what it takes, reports and returns, how it is called, and a form that calls it. */
export function taskView({ document, api, root, authorized, signal }, { name, path, operation }) {
  const input = operation.requestBody.content['application/json'].schema
  const parts = partsOf(document, operation)
  const resultType = operation['x-celeriac-result-type']
  const types = Object.keys(operation.requestBody.content).filter((type) => type !== 'application/json')
  return [
    h('h1', { tabindex: -1 }, name),
    operation.summary !== `Submit ${name}` && h('p', { class: 'lead' }, operation.summary),
    h('p', {}, h('span', { class: 'verb POST' }, 'POST'), h('span', { class: 'route' }, path)),
    h(
      'div',
      { class: 'two' },
      h(
        'div',
        {},
        section('Input', document, input, true),
        types.length > 0 && h('p', { class: 'quiet' }, `Also takes ${types.join(', ')}.`),
        section('Progress', document, parts.progress),
        section('Result', document, parts.result),
        resultType && [h('h2', {}, 'Result'), h('p', {}, h('span', { class: 'type' }, resultType))],
      ),
      h(
        'div',
        {},
        h('h2', {}, 'Try it'),
        tray(document, api, { path: root + path, input, authorized, signal }),
        h('h2', {}, 'With curl'),
        h(
          'pre',
          { tabindex: 0, role: 'region', 'aria-label': 'Command' },
          command(location.origin + root + path, sampleOf(document, input)),
        ),
      ),
    ),
  ]
}

function partsOf(document, operation) {
  const job = resolve(document, operation.responses['202'].content['application/json'].schema)
  const { properties = {} } = job.allOf?.[1] ?? {}
  return { result: properties.result, progress: properties.progress?.anyOf?.[0] }
}

/** Nothing where nothing is known of it. */
function section(title, document, schema, isInput) {
  const known = resolve(document, schema)
  if (Object.keys(known).length === 0) return undefined
  const [example] = known.examples ?? []
  return h(
    'section',
    {},
    h('h2', {}, title),
    schemaView(document, schema, isInput),
    example !== undefined && [h('h3', {}, 'Example'), jsonView(example, `${title}: example`)],
  )
}

function command(url, input) {
  const json = JSON.stringify(input).replaceAll("'", `'\\''`)
  return `curl -i '${url}' \\\n  --json '${json}'`
}

function tray(document, api, { path, input, authorized, signal }) {
  const form = inputForm(document, input)
  const jobs = h('div', {})
  const run = h('button', { class: 'main', type: 'submit' }, 'Run')
  const notice = h('div', {})
  let current = new AbortController()
  const submit = async (event) => {
    event.preventDefault()
    notice.replaceChildren()
    jobs.replaceChildren()
    current.abort()
    current = new AbortController()
    run.disabled = true
    try {
      const response = await api(path, {
        method: 'POST',
        body: JSON.stringify(form.read()),
        headers: { 'content-type': 'application/json' },
      })
      const answer = await response.json()
      if (!response.ok) return refused(answer, form, notice)
      const both = AbortSignal.any([signal, current.signal])
      jobs.replaceChildren(jobView(api, answer, { authorized: authorized(), signal: both }))
    } catch (error) {
      notice.append(
        h(
          'p',
          { class: 'notice', role: 'alert' },
          error instanceof SyntaxError ? `Not JSON: ${error.message}` : error.message,
        ),
      )
    } finally {
      run.disabled = false
    }
  }
  const bar = h('div', { class: 'bar' }, run, h('span', { class: 'push' }, form.toggle))
  const element = h('form', { onsubmit: submit, novalidate: true }, form.element, notice, bar)
  return h('div', { class: 'tray' }, element, jobs)
}

function refused(problem, form, notice) {
  if (Array.isArray(problem.errors) && problem.errors.every(({ pointer }) => pointer)) form.tell(problem.errors)
  else
    notice.append(
      h('p', { class: 'notice', role: 'alert' }, h('strong', {}, problem.title), `: ${problem.detail ?? ''}`),
    )
}
