import crypto from 'node:crypto'
import type { Context } from 'hono'
import type { Note } from '../../backend/notes.ts'
import type { AsyncResult } from '../../calls/asyncResult.ts'
import type { CallOptions } from '../../config/callOptions.ts'
import { uuid } from '../../std/id.ts'
import { identityOf } from '../access/identity.ts'
import type { HttpScope } from '../apiContext.ts'
import type { Problem } from '../output/problem.ts'
import { headersOf } from './header.ts'
import { isProblem } from './submit.ts'

/*
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the first request with a key is accepted, later
 * ones get the same answer. What is remembered is a note, written together with the job.
 */

/** A request that was accepted now, or before by the same key. */
export interface Accepted {
  readonly id: string
  /** ms since the epoch. */
  readonly at: number
  readonly replayed: boolean
}

/** A request that has a key. */
export interface Keyed {
  readonly key: string
  /** Who sends it; '' where that is not asked. */
  readonly identity: string
  /** What it is sent to, as `tasks/reports.render`. */
  readonly route: string
  readonly body: Uint8Array
  /**
   * Of a call that is made by another job: its task, which is remembered, as that job's record may be gone when it is
   * sent again.
   */
  readonly task?: string
}

/** How long a key is remembered, ms, whatever becomes of the records of its jobs. */
export const KEY_LIFETIME_MS = 86_400_000
const RETRY_AFTER_S = '1'

/**
 * A string of structured fields (RFC 9651 §3.3.3) of 1 to 255 characters, or the same without quotes, as many clients
 * send it.
 */
const QUOTED_KEY = /^"((?:[ !#-[\]-~]|\\["\\])+)"$/
const PLAIN_KEY = /^[\w!#$%&'*+.^`|~:/=@-]+$/
const MAX_KEY_LENGTH = 255

/** The key of a header, or the problem with it. */
export function parseKey(header: string): string | Problem {
  const text = header.trim()
  const key = PLAIN_KEY.test(text) ? text : QUOTED_KEY.exec(text)?.[1]?.replace(/\\(.)/g, '$1')
  if (key !== undefined && key.length <= MAX_KEY_LENGTH) return key
  const detail = `expected Idempotency-Key: a string of 1 to ${MAX_KEY_LENGTH} printable ASCII characters in quotes, got ${JSON.stringify(header.slice(0, 80))}`
  return { kind: 'invalid-idempotency-key', detail }
}

/**
 * Submit one job for a request: once for its `Idempotency-Key`, where it has one. `route` is what it is sent to, as
 * `tasks/reports.render`; `send` submits it with these options besides its own.
 */
export async function acceptCall(
  c: Context,
  scope: HttpScope,
  { route, body, task }: Pick<Keyed, 'route' | 'body' | 'task'>,
  send: (more: Pick<CallOptions, 'taskId' | 'note'>) => Promise<AsyncResult>,
): Promise<Accepted | Problem> {
  const header = headersOf(c)('idempotency-key')
  if (header === null) {
    const at = scope.app.config.clock.now()
    const { id, sent } = await send({})
    return { id, at, replayed: !sent }
  }
  const key = parseKey(header)
  if (isProblem(key)) return key
  const keyed = { key, identity: identityOf(c)?.id ?? '', route, body, task }
  return acceptOnce(scope, keyed, (taskId, _at, note) => send({ taskId, note }))
}

/**
 * Accept a request once. `send` submits it under the given id and time with the given note. Nothing was sent where the
 * note was there already: another process was quicker; or where the task is `unique` and another job, whose id it then
 * results in, has the key.
 */
export async function acceptOnce(
  { app, jobs, accepting }: HttpScope,
  keyed: Keyed,
  send: (id: string, at: number, note: Note) => Promise<Pick<AsyncResult, 'id' | 'sent'>>,
): Promise<Accepted | Problem> {
  const notes = await jobs.notes()
  if (!notes) {
    const { backend } = await app.connect()
    return { kind: 'cannot-remember', detail: `${backend} cannot remember an Idempotency-Key; send without one` }
  }
  const key = noteKey(keyed)
  const body = crypto.hash('sha256', keyed.body, 'base64url')
  if (accepting.has(key)) return inUse(keyed.key)
  accepting.add(key)
  try {
    const known = await notes.get(key)
    if (known !== undefined) return replay(known, body, keyed.key)
    const { clock } = app.config
    const at = clock.now()
    const id = uuid(at, clock)
    const noteOf = (job: string): Note => ({
      key,
      value: JSON.stringify({ body, id: job, at, task: keyed.task } satisfies Remembered),
      expires: at + KEY_LIFETIME_MS,
    })
    const handle = await send(id, at, noteOf(id))
    if (handle.sent) return { id, at, replayed: false }
    if (handle.id !== id) await notes.putIfAbsent(noteOf(handle.id))
    const first = await notes.get(key)
    return first === undefined ? inUse(keyed.key) : replay(first, body, keyed.key)
  } finally {
    accepting.delete(key)
  }
}

/**
 * What was accepted under the key of this request, and of which task; undefined where nothing was. For a route that
 * names the task.
 */
export async function recallCall(
  c: Context,
  { jobs }: HttpScope,
  route: string,
): Promise<{ readonly task: string; accepted(body: Uint8Array): Accepted | Problem } | undefined> {
  const header = headersOf(c)('idempotency-key')
  const key = header === null ? undefined : parseKey(header)
  if (key === undefined || isProblem(key)) return undefined
  const notes = await jobs.notes()
  const value = await notes?.get(noteKey({ key, identity: identityOf(c)?.id ?? '', route }))
  const task = value === undefined ? undefined : (JSON.parse(value) as Remembered).task
  if (value === undefined || task === undefined) return undefined
  return { task, accepted: (body) => replay(value, crypto.hash('sha256', body, 'base64url'), key) }
}

function noteKey({ identity, route, key }: Pick<Keyed, 'identity' | 'route' | 'key'>): string {
  return `http-key ${crypto.hash('sha256', [identity, route, key].join('\0'), 'base64url')}`
}

/** The job of the first request with this key; undefined where there was none, or it is too long ago. */
export async function jobOfKey(
  { jobs }: HttpScope,
  keyed: Pick<Keyed, 'identity' | 'route' | 'key'>,
): Promise<string | undefined> {
  const value = await (await jobs.notes())?.get(noteKey(keyed))
  return value === undefined ? undefined : (JSON.parse(value) as Remembered).id
}

/** The value of a note. */
interface Remembered {
  /** Digest of the request's. */
  readonly body: string
  readonly id: string
  readonly at: number
  readonly task?: string | undefined
}

function replay(value: string, body: string, key: string): Accepted | Problem {
  const first = JSON.parse(value) as Remembered
  if (first.body === body) return { id: first.id, at: first.at, replayed: true }
  const detail = `the key ${JSON.stringify(key)} was used with another body before; use a new key for another request`
  return { kind: 'key-reused', detail }
}

function inUse(key: string): Problem {
  const detail = `the first request with the key ${JSON.stringify(key)} is still being accepted; try again`
  return { kind: 'key-in-use', detail, headers: { 'retry-after': RETRY_AFTER_S } }
}
