import type { AnyTask } from 'celeriac'
import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { respondStart } from '../../../shared/start.ts'
import { app } from '../celeriac.ts'
import { database } from '../models/database.ts'
import { findRequest } from '../models/requests.ts'
import { NumberRequestInput, NumberUpdateInput, Rid } from '../tasks/input.ts'
import { handleNumberRequests, updateNumberRequests } from '../tasks/requests.ts'
import { checked, jsonBody } from './body.ts'
import { Problem } from './problem.ts'

/*
 * What clients ask for. What is written goes by way of a task; what is read is read here.
 */

/** Put the views where they are found. */
export function addViews(http: Hono): void {
  http.get('/', (c) => respondStart(c, START))
  http.all('/', notAllowed('GET, HEAD'))
  http.post('/number_request', answering(postNumberRequest))
  http.get('/number_request', answering(getNumberRequest))
  http.get('/check_request', answering(checkRequest))
  http.post('/update_request', answering(updateRequest))
  http.all('/number_request', notAllowed('GET, HEAD, POST'))
  http.all('/check_request', notAllowed('GET, HEAD'))
  http.all('/update_request', notAllowed('POST'))
}

const START = {
  name: 'numbers',
  about: 'Requests with numbers, each number with a job to be done with it: sum or mul.',
  tries: (url: string) => [
    `curl -X POST ${url}/number_request -d '{"rid": 1, "numbers": [51, 52], "jobtodo": ["sum", "mul"]}'`,
    `curl '${url}/check_request?taskID=<taskID>'`,
    `curl '${url}/number_request?rid=1'`,
  ],
}

/** Has the request stored, and says by which task. */
async function postNumberRequest(c: Context): Promise<Response> {
  const { id } = await handleNumberRequests.delay(checked(NumberRequestInput, await jsonBody(c)))
  return c.json({ taskID: id }, 201)
}

/** The request as it is stored now, by `rid` in the query or in a JSON body. */
async function getNumberRequest(c: Context): Promise<Response> {
  const { rid } = checked(z.object({ rid: Rid }), await dataOf(c, 'rid'))
  const request = await findRequest(await database(), String(rid))
  if (!request) throw new Problem(404, 'No such request', `no request is stored with the rid ${JSON.stringify(rid)}`)
  return c.json(request, 200, NOT_CACHED)
}

/** How the task of a request stands, by `taskID` in the query or in a JSON body. */
async function checkRequest(c: Context): Promise<Response> {
  const { taskID } = checked(z.object({ taskID: TaskId }), await dataOf(c, 'taskID'))
  const info = await app.result(taskID).info()
  if (!info) throw new Problem(404, 'No such task', `no task has the id ${taskID}, or its result is no longer kept`)
  return c.json({ status: info.state, response: info.error?.message ?? info.result ?? null }, 200, NOT_CACHED)
}

/** Has stored what has become of numbers, and says by which task. */
async function updateRequest(c: Context): Promise<Response> {
  const { id } = await updateNumberRequests.delay(checked(NumberUpdateInput, await jsonBody(c)))
  return c.json({ taskID: id }, 201)
}

const NOT_CACHED = { 'cache-control': 'no-store' }
const TaskId = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'expected the id of a task')

/** What a GET asks by: its query, or a JSON body, as some clients send it. */
async function dataOf(c: Context, name: string): Promise<unknown> {
  const value = c.req.query(name)
  return value === undefined ? await jsonBody(c) : { [name]: value }
}

function answering(view: (c: Context) => Promise<Response>): (c: Context) => Promise<Response> {
  return async (c) => {
    try {
      return await view(c)
    } catch (error) {
      if (error instanceof Problem) return error.respond()
      throw error
    }
  }
}

function notAllowed(allow: string): (c: Context) => Response {
  return (c) =>
    new Problem(405, 'The method is not allowed here', `${c.req.method}; allowed: ${allow}`).respond({ allow })
}

/** The tasks that celeriac's own API offers, beside the views. */
export const EXPOSED: readonly AnyTask[] = [handleNumberRequests, updateNumberRequests]
