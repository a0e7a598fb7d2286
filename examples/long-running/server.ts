import { type JobInfo, states } from 'celeriac'
import type { Context, Hono } from 'hono'
import { respondStart } from '../shared/start.ts'
import { app, asyncLongRunningTask } from './tasks.ts'
import { TASK_TIME, work } from './work.ts'

/*
 * The routes. `celeriac serve -A server.ts` serves `http`.
 */

export { app } from './tasks.ts'

/** The API of the long-running task, synchronous and asynchronous; beside it celeriac's own, `/v1` and `/openapi.json`. */
export const http: Hono = app.http({ expose: [asyncLongRunningTask] })

http.get('/', (c) => respondStart(c, START))
http.all('/', notAllowed('GET, HEAD'))
http.post('/long_running_task', runSynchronously)
http.post('/async_long_running_task', submitToQueue)
http.get('/async_long_running_task/:taskId', checkStatus)
http.get('/async_long_running_task/:taskId/result', getResult)
http.all('/long_running_task', notAllowed('POST'))
http.all('/async_long_running_task', notAllowed('POST'))
http.all('/async_long_running_task/:taskId', notAllowed('GET, HEAD'))
http.all('/async_long_running_task/:taskId/result', notAllowed('GET, HEAD'))

const START = {
  name: 'long-running',
  about: 'A task that takes half a minute: submit it, ask for its state, fetch its result; and the synchronous way.',
  tries: (url: string) => [
    `curl -X POST ${url}/async_long_running_task`,
    `curl ${url}/async_long_running_task/<task_id>`,
    `curl ${url}/async_long_running_task/<task_id>/result`,
    `curl -X POST ${url}/long_running_task`,
  ],
}

/** How not to do it: the process does nothing else until the work is done. */
function runSynchronously(c: Context): Response {
  work(TASK_TIME)
  return c.json({ result: 'done long-running task' })
}

/** Puts it into the queue, and says by which id to ask for it. */
async function submitToQueue(c: Context): Promise<Response> {
  const { id } = await asyncLongRunningTask.delay({})
  return c.json({ task_id: id }, 202, { location: `${c.req.path}/${id}` })
}

async function checkStatus(c: Context): Promise<Response> {
  const info = await infoOf(c)
  return info ? c.json({ task_status: info.state }, 200, NOT_CACHED) : unknown(c)
}

async function getResult(c: Context): Promise<Response> {
  const info = await infoOf(c)
  if (!info) return unknown(c)
  if (info.state === states.SUCCESS) return c.json({ task_result: info.result }, 200, NOT_CACHED)
  const message = states.isFinal(info.state)
    ? `Task ended with ${info.state}: ${info.error?.message ?? ''}`
    : 'Task not finished yet !'
  return c.json({ message }, 200, NOT_CACHED)
}

const NOT_CACHED = { 'cache-control': 'no-cache' }

/** What is known of the task in the path. An id has 1 to 255 characters; what cannot be one is unknown like any other. */
async function infoOf(c: Context): Promise<JobInfo | undefined> {
  const taskId = c.req.param('taskId') ?? ''
  return /^[\x20-\x7e]{1,255}$/.test(taskId) ? app.result(taskId).info() : undefined
}

/** Where Celery would say PENDING: an id that was never given, or whose result is no longer kept. */
function unknown(c: Context): Response {
  const id = JSON.stringify(c.req.param('taskId')?.slice(0, 255))
  return problem(404, 'No such task', `no task has the id ${id}, or its result is no longer kept`)
}

function notAllowed(allow: string): (c: Context) => Response {
  return (c) => problem(405, 'The method is not allowed here', `${c.req.method}; allowed: ${allow}`, { allow })
}

function problem(status: number, title: string, detail: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', status, title, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}
