import { h, jsonView } from './element.js'
import { follow } from './follow.js'

/** A job that was handed in: its state, its progress as it comes, its result. Stops when `signal` aborts. */
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
  const element = h('div', { class: 'job' }, head, parts.meter, parts.said, parts.outcome, log)
  void watch(api, job, parts, { authorized, signal })
  return element
}

function partsOf(job) {
  const state = h('span', { class: 'state', role: 'status' })
  const meter = h('progress', { 'aria-label': 'Progress', max: 1, hidden: true })
  const said = h('p', { class: 'quiet', hidden: true })
  const log = h('pre', { class: 'log', tabindex: 0, role: 'log', 'aria-label': 'Events' })
  return {
    job,
    state,
    meter,
    said,
    log,
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
    if (type === 'state') parts.show(data.state)
    if (type === 'progress') progress(parts, data)
  }
  try {
    await follow(api, job, { authorized, signal, tell })
    if (!signal.aborted) await finish(api, job, parts)
  } catch (error) {
    if (!signal.aborted) parts.outcome.replaceChildren(h('p', { class: 'notice', role: 'alert' }, error.message))
  }
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
  parts.stop.hidden = true
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

async function cancel(api, job, { stop, outcome }) {
  stop.disabled = true
  const response = await api(job.links.self, { method: 'DELETE' })
  if (response.ok) return
  const problem = await response.json()
  outcome.replaceChildren(h('p', { class: 'notice', role: 'alert' }, problem.detail ?? problem.title))
}
