import { type AsyncResult, states } from 'celeriac'
import type { Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { homePage, imagePage, respondAsset, unknownPage } from './pages.ts'
import { progressOf } from './progress.ts'
import { app, getDataFromStrava } from './tasks.ts'

/*
 * What browsers ask for. It sends tasks and reads results, and draws nothing itself. `celeriac serve -A web.ts` serves `http`.
 */

export { app } from './tasks.ts'

/** The pages, `/progress` and `/result.png`; beside them celeriac's own API for the same task, `/v1` and `/openapi.json`. */
export const http: Hono = app.http({ expose: [getDataFromStrava] })

http.get('/', () => homePage())
http.get('/image_page', showImagePage)
http.get('/progress', progress)
http.get('/result.png', result)
http.get('/assets/:name', (c) => respondAsset(c.req.param('name')))
for (const path of ['/', '/image_page', '/progress', '/result.png', '/assets/:name']) http.all(path, notAllowed)

/** Starts a job and shows how it goes; with `jobid` it shows that job, so that a page may be loaded again. */
async function showImagePage(c: Context): Promise<Response> {
  const job = c.req.query('jobid') === undefined ? await getDataFromStrava.delay({}) : jobOf(c)
  const info = await job?.info()
  return job && info ? imagePage(job.id, progressOf(info)) : unknownPage()
}

/** How a job stands: once, or as server-sent events for whoever asks for those. */
async function progress(c: Context): Promise<Response> {
  const job = jobOf(c)
  const info = await job?.info()
  if (!job || !info || !c.req.header('accept')?.includes('text/event-stream'))
    return c.json(progressOf(info), 200, { 'cache-control': 'no-store' })
  return follow(c, job, states.isFinal(info.state))
}

/** A page whose connection broke comes back after so long, ms. */
const AGAIN = 1000

/** Every state from where the client was, until the job ends, the client leaves or the server closes; of one that has ended, its end. */
function follow(c: Context, job: AsyncResult, hasEnded: boolean): Response {
  const after = hasEnded ? undefined : Number.parseInt(c.req.header('last-event-id') ?? '0', 10) || 0
  const stop = new AbortController()
  // What `serve` hands over with each request: it aborts when the server closes.
  const { closing } = c.env as { closing?: AbortSignal }
  const end = (): void => stop.abort()
  closing?.addEventListener('abort', end)
  const answer = streamSSE(c, async (stream) => {
    stream.onAbort(end)
    try {
      // At once, so that a page that comes back knows that it is connected, also where nothing new happens for a while.
      await stream.write(`retry: ${AGAIN}\n\n`)
      for await (const { seq, info } of job.events({ after, signal: stop.signal })) {
        await stream.writeSSE({ id: seq?.toString(), data: JSON.stringify(progressOf(info)) })
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      closing?.removeEventListener('abort', end)
    }
  })
  // A compressor that stands before it would collect events instead of passing them on.
  answer.headers.set('cache-control', 'no-cache, no-transform')
  return answer
}

/** Longest that a request may wait for its picture, s. */
const MAX_WAIT = 30

/**
 * The picture. While it is not there, 202 without a body, as what is no picture must not end up in a file of that name; a browser asks again.
 * With `Prefer: wait=10` the answer waits for it.
 */
async function result(c: Context): Promise<Response> {
  const job = jobOf(c)
  const wait = Math.min(Number(/\bwait=(\d{1,4})\b/.exec(c.req.header('prefer') ?? '')?.[1] ?? 0), MAX_WAIT)
  // How it ended, if it did, is in its record.
  if (job && wait > 0) await job.get({ timeout: `${wait}s` }).catch(() => undefined)
  const info = await job?.info()
  if (!info) return problem(404, 'No such picture', 'expected jobid to be the id of a job that is known here')
  if (!states.isFinal(info.state))
    return c.body(null, 202, { 'retry-after': '1', refresh: '1', 'cache-control': 'no-store' })
  if (!(info.result instanceof Uint8Array))
    return problem(409, 'There is no picture', `the job ended as ${info.state}: ${info.error?.message ?? 'no bytes'}`)
  return new Response(info.result as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': 'image/png', 'cache-control': 'private, max-age=3600' },
  })
}

/** An id is up to 255 characters; what cannot be one is unknown like any other. */
function jobOf(c: Context): AsyncResult | undefined {
  const jobid = c.req.query('jobid')
  return jobid && /^[\x20-\x7e]{1,255}$/.test(jobid) ? app.result(jobid) : undefined
}

function notAllowed(c: Context): Response {
  const allow = 'GET, HEAD'
  return problem(405, 'The method is not allowed here', `${c.req.method}; allowed: ${allow}`, { allow })
}

function problem(status: number, title: string, detail: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, title, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}
