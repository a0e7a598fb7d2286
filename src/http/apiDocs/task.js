import { h, jsonView } from './element.js'
import { inputForm } from './form.js'
import { jobView } from './job.js'
import { resolve, schemaView } from './schema.js'

/** Everything of one task: what it takes, reports and returns, how it is called, and a form that calls it. */
export function taskView({ document, api, root, authorized, signal }, { name, path, operation }) {
  const input = operation.requestBody.content['application/json'].schema
  const parts = partsOf(document, operation)
  const resultType = operation['x-celeriac-result-type']
  const types = Object.keys(operation.requestBody.content).filter((type) => type !== 'application/json')
  const curl = h('pre', { tabindex: 0, role: 'region', 'aria-label': 'Command' })
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
        tray(document, api, { path: root + path, input, types, authorized, signal, curl }),
        h('h2', {}, 'With curl'),
        curl,
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

/** Jobs that are followed at once: each takes one of the six connections that a browser opens to a server. */
const MAX_FOLLOWED = 4

function tray(document, api, { path, input, types, authorized, signal, curl }) {
  const describe = () => {
    curl.textContent = command(location.origin + path, form, file)
  }
  const form = inputForm(document, input, describe)
  const file = types.length > 0 ? fileField(types, describe) : undefined
  describe()
  const jobs = h('div', {})
  const run = h('button', { class: 'main', type: 'submit' }, 'Run')
  const notice = h('div', {})
  const followed = []
  const submit = async (event) => {
    event.preventDefault()
    // A disabled button would lose the focus.
    if (run.getAttribute('aria-disabled') === 'true') return
    notice.replaceChildren()
    run.setAttribute('aria-disabled', 'true')
    try {
      const response = await api(path, { method: 'POST', ...(file?.body() ?? jsonBody(form.read())) })
      const answer = await response.json()
      if (!response.ok) return refused(answer, form, notice)
      const stop = new AbortController()
      const both = AbortSignal.any([signal, stop.signal])
      const { element, ended } = jobView(api, answer, { authorized: authorized(), signal: both })
      // The newest job is shown first, and earlier ones stay for comparison.
      jobs.prepend(element)
      followed.push(stop)
      void ended.then(() => followed.splice(followed.indexOf(stop), 1))
      if (followed.length > MAX_FOLLOWED) followed[0].abort()
    } catch (error) {
      notice.append(
        h(
          'p',
          { class: 'notice', role: 'alert' },
          error instanceof SyntaxError ? `Not JSON: ${error.message}` : error.message,
        ),
      )
    } finally {
      run.removeAttribute('aria-disabled')
    }
  }
  const bar = h('div', { class: 'bar' }, run, h('span', { class: 'push' }, form.toggle))
  const element = h('form', { onsubmit: submit, novalidate: true }, form.element, file?.element, notice, bar)
  return h('div', { class: 'tray' }, element, jobs)
}

function jsonBody(input) {
  return { body: JSON.stringify(input), headers: { 'content-type': 'application/json' } }
}

/** A file instead of the input, as the body itself, or as the part of a form where the task takes nothing else. */
function fileField(types, changed) {
  const asForm = types.every((type) => type.startsWith('multipart/'))
  const accept = types.filter((type) => !type.startsWith('multipart/')).join(',')
  const control = h('input', {
    id: 'input-file',
    type: 'file',
    accept,
    'aria-describedby': 'input-file-about',
    onchange: changed,
  })
  const words = `Instead of the input above: ${types.join(', ')}`
  const hint = h('span', { class: 'hint', id: 'input-file-about' }, words)
  return {
    element: h('div', { class: 'field' }, h('label', { for: 'input-file' }, 'File'), control, hint),
    get name() {
      return control.files[0]?.name
    },
    type: () => control.files[0]?.type || 'application/octet-stream',
    asForm,
    /** Undefined where no file is chosen. */
    body() {
      const [file] = control.files
      if (!file) return undefined
      if (!asForm) return { body: file, headers: { 'content-type': this.type() } }
      const form = new FormData()
      form.append('file', file)
      return { body: form }
    },
  }
}

function command(url, form, file) {
  if (file?.name) {
    const at = quoted(`@${file.name}`)
    if (file.asForm) return `curl -i ${quoted(url)} \\\n  -F file=${at}`
    return `curl -i ${quoted(url)} \\\n  -H ${quoted(`content-type: ${file.type()}`)} \\\n  --data-binary ${at}`
  }
  try {
    return `curl -i ${quoted(url)} \\\n  --json ${quoted(JSON.stringify(form.read()))}`
  } catch {
    // A field is being written in.
    return `curl -i ${quoted(url)} \\\n  --json …`
  }
}

/** As a shell reads it. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function refused(problem, form, notice) {
  if (Array.isArray(problem.errors) && problem.errors.every(({ pointer }) => pointer)) form.tell(problem.errors)
  else
    notice.append(
      h('p', { class: 'notice', role: 'alert' }, h('strong', {}, problem.title), `: ${problem.detail ?? ''}`),
    )
}
