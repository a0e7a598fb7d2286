import type { Context } from 'hono'
import type { Uploads } from '../../../app/jobStore.ts'
import { identityOf } from '../../access/identity.ts'
import type { HttpScope } from '../../apiContext.ts'
import { headersOf } from '../../input/header.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'

/*
 * Inputs that are longer than `maxBody`: `POST /payloads` says where one can be put, `PUT` there puts it into the
 * payload store, and `POST /tasks/{name}` with the header `Celeriac-Upload` calls the task with it.
 */

/** `POST /payloads`: 201 with the URL that takes an input, and the token by which the call names it. */
export async function openUpload(c: Context, { jobs }: HttpScope): Promise<Response> {
  const { path } = c.req
  const uploads = await jobs.uploads()
  if (!uploads) return respondProblem(notTaken(path), path)
  const { token, url = `${path}/${token}`, expires } = await uploads.open(identityOf(c)?.id)
  return new Response(JSON.stringify({ url, method: 'PUT', upload: token, expires: expires.toISOString() }), {
    status: 201,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}

/** `PUT /payloads/{token}`: 204. */
export async function putUpload(c: Context, { app, jobs }: HttpScope): Promise<Response> {
  const { path } = c.req
  const uploads = await jobs.uploads()
  if (!uploads) return respondProblem(notTaken(path), path)
  const key = uploads.keyOf(c.req.param('token') ?? '', identityOf(c)?.id)
  if (key === undefined) return respondProblem(REFUSED, path)
  const { maxSize = 0 } = app.config.payloads ?? {}
  if (Number(headersOf(c)('content-length')) > maxSize)
    return respondProblem({ kind: 'body-too-large', detail: `at most ${maxSize} bytes are accepted` }, path)
  await uploads.put(key, c.req.raw.body)
  return new Response(null, { status: 204 })
}

/** The input that a call names. */
export async function readUpload(c: Context, { jobs }: HttpScope, token: string): Promise<Uint8Array | Problem> {
  const uploads: Uploads | undefined = await jobs.uploads()
  const key = uploads?.keyOf(token, identityOf(c)?.id)
  if (!uploads || key === undefined) return REFUSED
  const bytes = await uploads.read(key)
  return bytes ?? { kind: 'not-found', detail: 'nothing was put at the URL of this upload' }
}

const REFUSED: Problem = {
  kind: 'forbidden',
  detail: 'this upload is not yours, has expired, or was never opened here',
}

function notTaken(path: string): Problem {
  return { kind: 'not-found', detail: `nothing is at ${path}` }
}
