import { h, jsonView } from './element.js'
import { follow } from './follow.js'

/** A job that was submitted: its state, its progress as it comes, its result. Stops when `signal` aborts. */
export function jobView(api, job, { authorized, signal }) {
  const parts = partsOf(job)
  const stop = h('button', { type: 'button', onclick: () => cancel(api, job, parts) }, 'Cancel')
  parts.stop = stop
  parts.show(job.state)
  const head = h(
    'div',
    { class: 'bar' },
    parts.state,
    h('code', { class: 'quiet' }, job.id),
    h('span', { class: 'push' }, stop),
  )
  const log = h('details', {}, h('summary', {}, 'Events'), parts.log)
  const element = h('div', { class: 'job' }, head, parts.meter, parts.said, parts.output, parts.outcome, log)
  return { element, ended: watch(api, job, parts, { authorized, signal }) }
}

function partsOf(job) {
  const state = h('span', { class: 'state', role: 'status', tabindex: -1 })
  const meter = h('progress', { 'aria-label': 'Progress', max: 1, hidden: true })
  const said = h('p', { class: 'quiet', hidden: true })
  const log = h('pre', { class: 'log', tabindex: 0, role: 'log', 'aria-label': 'Events' })
  return {
    job,
    state,
    meter,
    said,
    log,
    output: h('pre', { class: 'log', hidden: true, tabindex: 0, role: 'region', 'aria-label': 'Output' }),
    outcome: h('div', {}),
    show(word) {
      state.textContent = word
      state.className = `state ${word}`
    },
  }
}

async function watch(api, job, parts, { authorized, signal }) {
  const tell = (type, data) => {
    parts.log.append(`${type}  ${JSON.stringify(data)}\n`)
    parts.log.scrollTop = parts.log.scrollHeight
    if (type === 'state') stateOf(parts, data)
    if (type === 'progress') progress(parts, data)
    if (type === 'chunk') append(parts, typeof data.data === 'string' ? data.data : `${JSON.stringify(data.data)}\n`)
    if (type === 'log') append(parts, `${data.level} ${data.message}${fieldsOf(data.fields)}\n`)
  }
  try {
    await follow(api, job, { authorized, signal, tell })
    if (!signal.aborted) await finish(api, job, parts)
  } catch (error) {
    if (!signal.aborted) parts.outcome.replaceChildren(h('p', { class: 'notice', role: 'alert' }, error.message))
  }
}

/** A state on the way; of RETRY also the error that it is for. */
function stateOf({ said, show }, { state, attempt, error }) {
  show(state)
  if (!error) return
  said.hidden = false
  said.textContent = `attempt ${attempt}: ${error.type}: ${error.message}`
}

/** What the task emits: parts of its output, and lines of its log. */
function append({ output }, text) {
  output.hidden = false
  output.append(text)
  output.scrollTop = output.scrollHeight
}

function fieldsOf(fields) {
  return fields && Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''
}

function progress({ meter, said, show }, value) {
  show('STARTED')
  const part = fractionOf(value)
  meter.hidden = false
  if (part === undefined) meter.removeAttribute('value')
  else meter.value = part
  said.hidden = false
  said.textContent = typeof value === 'object' && value !== null ? wordsOf(value) : String(value)
}

/** `{ page: 4, of: 10 }` as `page 4 of 10`. */
function wordsOf(value) {
  return Object.entries(value)
    .map(([name, item]) => `${name} ${typeof item === 'object' ? JSON.stringify(item) : item}`)
    .join(', ')
    .replaceAll(', of ', ' of ')
}

const DONE = ['page', 'done', 'current', 'step', 'completed', 'loaded', 'n', 'i']
const ALL = ['of', 'total', 'max', 'count', 'pages', 'steps']

/** How much of the whole a reported value stands for, as people commonly write it; undefined where it does not say. */
function fractionOf(value) {
  if (typeof value === 'number') return value >= 0 && value <= 1 ? value : value <= 100 ? value / 100 : undefined
  const done = DONE.map((name) => value?.[name]).find((item) => typeof item === 'number')
  const all = ALL.map((name) => value?.[name]).find((item) => typeof item === 'number')
  if (done !== undefined && all > 0) return Math.min(1, done / all)
  const percent = value?.percent ?? value?.percentage
  return typeof percent === 'number' ? Math.min(1, percent / 100) : undefined
}

/** The end: what the server says of it, and the result as its own type. */
async function finish(api, job, parts) {
  const now = await (await api(job.links.self)).json()
  parts.show(now.state)
  hide(parts)
  if (now.state === 'SUCCESS' && !parts.meter.hidden) parts.meter.value = 1
  const title = now.state === 'SUCCESS' ? 'Result' : 'Error'
  const body = now.state === 'SUCCESS' ? await resultView(await api(job.links.result)) : errorView(now.error)
  const took = Date.parse(now.finishedAt) - Date.parse(now.createdAt)
  const words = Number.isFinite(took) ? ` in ${time(took)}, attempt ${now.attempt}` : ''
  parts.outcome.replaceChildren(h('h3', {}, title, h('span', { class: 'quiet' }, words)), body)
}

function time(ms) {
  return ms < 1000 ? `${Math.max(1, ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 0)} s`
}

function errorView(error) {
  return h('p', { class: 'notice' }, h('strong', {}, error?.type ?? 'Error'), `: ${error?.message ?? ''}`)
}

async function resultView(response) {
  const type = response.headers.get('content-type') ?? ''
  if (/json/.test(type)) return jsonView(await response.json(), 'Result')
  if (/^text\//.test(type))
    return h('pre', { tabindex: 0, role: 'region', 'aria-label': 'Result' }, await response.text())
  const blob = await response.blob()
  const url = URL.createObjectURL(blob)
  const link = h('a', { href: url, download: 'result' }, `Download ${blob.size} bytes of ${type}`)
  if (!/^image\/(png|jpeg|gif|webp|avif)/.test(type)) return h('p', {}, link)
  const image = h('img', {
    src: url,
    alt: 'The result',
    onload: () => image.classList.toggle('large', image.naturalWidth > 64),
  })
  return h('div', {}, h('p', {}, image), h('p', {}, link))
}

/** Without a button there is nothing to cancel; who was on it stays at the job. */
function hide({ stop, state }) {
  if (stop.ownerDocument.activeElement === stop) state.focus()
  stop.hidden = true
}

async function cancel(api, job, { stop, outcome }) {
  if (stop.getAttribute('aria-disabled') === 'true') return
  // A disabled button would lose the focus.
  stop.setAttribute('aria-disabled', 'true')
  const response = await api(job.links.self, { method: 'DELETE' })
  if (response.ok) return
  const problem = await response.json()
  outcome.replaceChildren(h('p', { class: 'notice', role: 'alert' }, problem.detail ?? problem.title))
}
