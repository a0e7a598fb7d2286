import type { Context, Hono } from 'hono'
import { NEVER } from '../../backend/retention.ts'
import type { CallOptions } from '../../config/callOptions.ts'
import { isFinal, PENDING, PROGRESS, STARTED, UNKNOWN } from '../../protocol/states.ts'
import { NotUniqueError } from '../../std/errors.ts'
import { uuid, uuidOf } from '../../std/id.ts'
import { identityOf } from '../access/identity.ts'
import { hasRole } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { type Member, readBatch } from '../input/batch.ts'
import { readBody } from '../input/body.ts'
import { headersOf } from '../input/header.ts'
import { type Accepted, acceptOnce, KEY_LIFETIME_MS, parseKey } from '../input/idempotency.ts'
import { callOptions, isProblem, send } from '../input/submit.ts'
import { jobLinks } from '../output/job.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/** What is remembered of a batch. */
interface Batch {
  /** ms since the epoch. */
  readonly at: number
  readonly owner: string | undefined
  /** Of each job its id and its task, in the order of the request. */
  readonly jobs: readonly (readonly [id: string, task: string])[]
}

/** Shortest time that a batch is kept, ms: as long as a record that never becomes final. */
const MIN_BATCH_LIFETIME_MS = 7 * 86_400_000

/** `POST /batches`: submit many jobs. `GET /batches/{id}`: their states, together. */
export function addBatchRoutes(api: Hono, base: string, scope: HttpScope): void {
  api.post(`${base}/batches`, (c) => submit(c, scope))
  api.all(`${base}/batches`, methodNotAllowed('POST'))
  api.get(`${base}/batches/:id`, (c) => show(c, scope))
  api.all(`${base}/batches/:id`, methodNotAllowed('GET, HEAD'))
}

async function submit(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const body = await readBody(c, scope.maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const members = await readBatch(c, scope, body.kind === 'value' ? body.value : undefined)
  if (isProblem(members)) return respondProblem(members, path)
  const accepted = await accept(c, scope, body.bytes)
  if (isProblem(accepted)) return respondProblem(accepted, path)
  const batch = await handIn(c, scope, accepted, members)
  const states = { [PENDING]: batch.jobs.length }
  const document = batchDocument(accepted.id, batch, baseOf(path, 1), states, () => PENDING)
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    location: document.links.self,
    'retry-after': '1',
  }
  if (accepted.replayed) headers['idempotent-replayed'] = 'true'
  return new Response(JSON.stringify(document), { status: 202, headers })
}

async function accept(c: Context, scope: HttpScope, body: Uint8Array): Promise<Accepted | Problem> {
  const notes = await scope.jobs.notes()
  if (!notes) {
    const { backend } = await scope.app.connect()
    return { kind: 'cannot-remember', detail: `${backend} cannot remember a batch` }
  }
  const { clock } = scope.app.config
  const at = clock.now()
  const header = headersOf(c)('idempotency-key')
  if (header === null) return { id: uuid(at, clock), at, replayed: false }
  const key = parseKey(header)
  if (isProblem(key)) return key
  const keyed = { key, identity: identityOf(c)?.id ?? '', route: 'batches', body }
  return acceptOnce(scope, keyed, async (id, _at, note) => ({ id, sent: await notes.putIfAbsent(note) }))
}

/**
 * Submit the jobs, then store the note of the batch, which says that all were submitted: a later repeat of the request
 * gets that note. Where it is not stored yet, a repeat with the same key submits what a crash has left out, and nothing
 * twice: with a key each job has an id made of its index in the batch, and a note as long as the key holds.
 */
async function handIn(c: Context, scope: HttpScope, accepted: Accepted, members: readonly Member[]): Promise<Batch> {
  const { id, at, replayed } = accepted
  const whole = replayed ? await batchOf(id, scope) : undefined
  if (whole) return whole
  const owner = identityOf(c)?.id
  const isKeyed = headersOf(c)('idempotency-key') !== null
  const sent = members.map(({ name, task, input, tags }, index) =>
    send(scope, name, task, input, { ...callOptions(c, scope, tags), ...(isKeyed && placeIn(accepted, index)) }).catch(
      holderOf,
    ),
  )
  const results = await Promise.all(sent)
  const batch = { at, owner, jobs: results.map((job, index) => [job.id, members[index]?.name ?? ''] as const) }
  const { resultExpires } = scope.app.config
  const expires = resultExpires === 0 ? NEVER : at + Math.max(MIN_BATCH_LIFETIME_MS, resultExpires)
  const notes = await scope.jobs.notes()
  await notes?.putIfAbsent({ key: noteKey(id), value: JSON.stringify(batch), expires })
  return batch
}

/** The other calls are sent: a batch lists the job that has the key in place of one that is refused. */
function holderOf(error: unknown): Pick<NotUniqueError, 'id'> {
  if (error instanceof NotUniqueError) return error
  throw error
}

/** What makes a job of a batch the same one when the batch is sent again. */
function placeIn({ id, at }: Accepted, index: number): Pick<CallOptions, 'taskId' | 'note'> {
  const key = `http-batch-job ${id} ${index}`
  return {
    taskId: uuidOf('http-batch', id, String(index)),
    note: { key, value: '', expires: at + 2 * KEY_LIFETIME_MS },
  }
}

async function batchOf(id: string, { jobs }: HttpScope): Promise<Batch | undefined> {
  const notes = await jobs.notes()
  const value = await notes?.get(noteKey(id))
  return value === undefined ? undefined : (JSON.parse(value) as Batch)
}

async function show(c: Context, scope: HttpScope): Promise<Response> {
  const id = c.req.param('id') as string
  const { path } = c.req
  const batch = await batchOf(id, scope)
  if (!batch || !(hasRole(c, 'viewer') || batch.owner === identityOf(c)?.id)) {
    const detail = `no batch ${JSON.stringify(id)} was submitted here, or it has expired`
    return respondProblem({ kind: 'unknown-batch', detail }, path)
  }
  const stored = await scope.app.states(batch.jobs.map(([job]) => job))
  const shown = stored.map((state) => (state === PROGRESS ? STARTED : state))
  const states: Record<string, number> = {}
  for (const state of shown) states[state] = (states[state] ?? 0) + 1
  const document = batchDocument(id, batch, baseOf(path, 2), states, (index) => shown[index] as string)
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
  if (document.finished < document.total) headers['retry-after'] = '1'
  return new Response(JSON.stringify(document), { headers })
}

/** A batch as HTTP shows it. */
export interface BatchDocument {
  readonly id: string
  /** ISO 8601 */
  readonly createdAt: string
  readonly total: number
  /** How many have ended, or are not known any more. */
  readonly finished: number
  /** How many are in each state; UNKNOWN are those whose record has expired. */
  readonly states: Readonly<Record<string, number>>
  readonly jobs: readonly {
    readonly id: string
    readonly task: string
    readonly state: string
    readonly links: object
  }[]
  readonly links: { readonly self: string }
}

function batchDocument(
  id: string,
  { at, jobs }: Batch,
  base: string,
  states: Readonly<Record<string, number>>,
  stateOf: (index: number) => string,
): BatchDocument {
  const ended = Object.entries(states).filter(([state]) => isFinal(state) || state === UNKNOWN)
  return {
    id,
    createdAt: new Date(at).toISOString(),
    total: jobs.length,
    finished: ended.reduce((sum, [, count]) => sum + count, 0),
    states,
    jobs: jobs.map(([job, task], index) => ({ id: job, task, state: stateOf(index), links: jobLinks(base, job) })),
    links: { self: `${base}/batches/${encodeURIComponent(id)}` },
  }
}

function noteKey(id: string): string {
  return `http-batch ${id}`
}
