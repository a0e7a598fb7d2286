/* How a job is followed: by its events, or by asking where those do not come. */

const FINAL = new Set(['SUCCESS', 'FAILURE', 'REVOKED'])
const EVENTS = ['state', 'progress', 'chunk', 'log', 'result', 'error', 'reset']

/**
 * Follow a job to its end. `tell(type, data)` is called for each event; resolves when it has ended, or was let go. An
 * EventSource cannot send an authorization, so with one the job is polled instead, as it is where events do not arrive.
 */
export async function follow(api, job, { authorized, signal, tell }) {
  if (authorized || !(await byEvents(job.links.events, signal, tell))) await byAsking(api, job, signal, tell)
}

/** True when it has ended. */
function byEvents(url, signal, tell) {
  return new Promise((settle) => {
    const source = new EventSource(url)
    // Where none has ever come, none will.
    let left = 0
    const end = (ended) => {
      source.close()
      settle(ended)
    }
    const hear = (event) => {
      // The stream's own failure has no data; the job's has.
      if (event.data === undefined) {
        if (source.readyState === EventSource.CLOSED || left-- <= 0) end(false)
        return
      }
      left = 3
      tell(event.type, JSON.parse(event.data))
      if (event.type === 'result' || event.type === 'error') end(true)
    }
    for (const type of EVENTS) source.addEventListener(type, hear)
    signal.addEventListener('abort', () => end(true), { once: true })
  })
}

/** The server holds each request until something has changed. */
async function byAsking(api, job, signal, tell) {
  let etag
  for (let last; !signal.aborted; ) {
    const headers = etag ? { 'if-none-match': etag, prefer: 'wait=25' } : {}
    const response = await api(job.links.self, { headers, signal })
    if (response.status === 304) continue
    const now = await response.json()
    if (!response.ok) throw new Error(now.detail ?? now.title)
    etag = response.headers.get('etag') ?? undefined
    const text = JSON.stringify(now.progress)
    if (now.progress !== null && text !== last) tell('progress', now.progress)
    else if (!FINAL.has(now.state))
      tell('state', { state: now.state, attempt: now.attempt, error: now.error ?? undefined })
    last = text
    if (FINAL.has(now.state)) return
    if (!etag) await new Promise((done) => setTimeout(done, 1000))
  }
}
