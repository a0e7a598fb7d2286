import { readFileSync } from 'node:fs'
import { type AsyncResult, type GroupResult, NotSupportedError, states } from 'celeriac'
import type { Context, Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { app, PAGES, reportOf } from './tasks.ts'

/*
 * The routes. They send the workflow and read its results; workers run it. `celeriac serve -A web.ts` serves `http`.
 */

export { app } from './tasks.ts'

/** The page, `/reports` and its progress; beside them celeriac's own API of jobs, `/v1`. */
export const http: Hono = app.http({ expose: [] })

http.get('/', () => respondFile('index.html', 'text/html; charset=utf-8'))
http.get('/assets/report.js', () => respondFile('report.js', 'text/javascript; charset=utf-8'))
http.post('/reports', startReport)
http.get('/reports/:id', showReport)
http.get('/reports/:id/events', followReport)

/** A report as the API shows it. */
interface Shown {
  readonly state: string
  /** Pages that have ended. */
  readonly done: number
  readonly total: number
  readonly report?: unknown
  readonly error?: string | undefined
}

/** Send the workflow, answer at once. The address has the ids of the report and of the group of its pages. */
async function startReport(c: Context): Promise<Response> {
  try {
    const handle = await reportOf(PAGES).delay()
    const pages = handle.parent as GroupResult
    await pages.save()
    const location = `/reports/${handle.id}?pages=${pages.id}`
    return c.json({ id: handle.id, location, events: location.replace('?', '/events?') }, 202, { location })
  } catch (error) {
    if (error instanceof NotSupportedError) return problem(501, 'No workflows on these stores', error.message)
    throw error
  }
}

async function showReport(c: Context): Promise<Response> {
  const found = await findReport(c)
  if (!found) return problem(404, 'No such report', 'no report has this id, or it is no longer kept')
  const done = await found.pages.completed()
  return c.json(await shownOf(found, done), 200, { 'cache-control': 'no-store' })
}

/** How many pages have ended, after each of them; then the report. */
async function followReport(c: Context): Promise<Response> {
  const found = await findReport(c)
  if (!found) return problem(404, 'No such report', 'no report has this id, or it is no longer kept')
  const { pages, handle } = found
  const stop = new AbortController()
  // `serve` gives this signal with each request: it aborts when the server closes.
  const { closing } = c.env as { closing?: AbortSignal }
  const end = (): void => stop.abort()
  closing?.addEventListener('abort', end)
  return streamSSE(c, async (stream) => {
    stream.onAbort(end)
    const write = (shown: Shown): Promise<void> => stream.writeSSE({ data: JSON.stringify(shown) })
    try {
      let done = 0
      for await (const _ of pages.results({ signal: stop.signal }))
        await write({ state: states.PENDING, done: ++done, total: pages.size })
      await handle.get({ signal: stop.signal }).catch((error: unknown) => stop.signal.aborted && Promise.reject(error))
      await write(await shownOf(found, done))
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      closing?.removeEventListener('abort', end)
    }
  })
}

interface Found {
  readonly handle: AsyncResult
  readonly pages: GroupResult
}

/** The report and the group of its pages. An id has 1 to 255 characters; anything else is unknown. */
async function findReport(c: Context): Promise<Found | undefined> {
  const [id, group] = [c.req.param('id') ?? '', c.req.query('pages') ?? '']
  if (![id, group].every((one) => /^[\x20-\x7e]{1,255}$/.test(one))) return undefined
  const pages = await app.groupResult(group)
  return pages && { handle: app.result(id), pages }
}

async function shownOf({ handle, pages }: Found, done: number): Promise<Shown> {
  const info = await handle.info()
  const shown = { state: info?.state ?? states.PENDING, done, total: pages.size }
  if (info?.state === states.SUCCESS) return { ...shown, report: info.result }
  return info && states.isFinal(info.state) ? { ...shown, error: info.error?.message } : shown
}

const POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"

function respondFile(name: string, type: string): Response {
  const text = readFileSync(new URL(`pages/${name}`, import.meta.url), 'utf8')
  return new Response(text, {
    headers: { 'content-type': type, 'cache-control': 'no-cache', 'content-security-policy': POLICY },
  })
}

function problem(status: number, title: string, detail: string): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, title, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
