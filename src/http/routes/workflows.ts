import type { Context, Hono } from 'hono'
import { GroupResult } from '../../calls/groupResult.ts'
import type { WorkflowOptions } from '../../calls/workflowOptions.ts'
import { chordParts, tasksOf } from '../../protocol/canvas.ts'
import { canvasOf, type SignatureData } from '../../protocol/signature.ts'
import { ArgumentError, NotSupportedError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { identityOf } from '../access/identity.ts'
import { keepSubmitted, submittedWorkflow } from '../access/workflowJobs.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readBody } from '../input/body.ts'
import { headersOf } from '../input/header.ts'
import { type Accepted, acceptOnce, parseKey } from '../input/idempotency.ts'
import { isProblem, tagsOf } from '../input/submit.ts'
import { webhookOf } from '../input/webhook.ts'
import { MAPS, readWorkflow } from '../input/workflow.ts'
import { argumentProblem } from '../input/workflowCalls.ts'
import { WorkflowRefusal } from '../input/workflowRefusal.ts'
import { respondAccepted } from '../output/acceptedJob.ts'
import { methodNotAllowed } from '../output/method.ts'
import { type Problem, respondProblem } from '../output/problem.ts'

/** ms in which a request that was accepted by another process may still be sending. */
const SENDING_MS = 30_000

/** `POST /workflows`: submit a workflow. `GET /workflows`, where a fleet is shown: those that are recorded. */
export function addWorkflowRoute(api: Hono, base: string, scope: HttpScope): void {
  const path = `${base}/workflows`
  api.post(path, (c) => submit(c, scope))
  if (scope.recording)
    api.get(path, async (c) => (await import('../fleet/recordedWorkflows.ts')).listWorkflows(c, scope))
  api.all(path, methodNotAllowed(scope.recording ? 'GET, HEAD, POST' : 'POST'))
}

async function submit(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const body = await readBody(c, scope.maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const tags = tagsOf(c.req.url)
  if (isProblem(tags)) return respondProblem(tags, path)
  if (webhookOf(c) !== undefined) {
    const detail = 'Celeriac-Webhook: a workflow has no webhook'
    return respondProblem({ kind: 'invalid-webhook', detail }, path)
  }
  const data = await checked(c, scope, body.kind === 'value' ? body.value : undefined)
  if (isProblem(data)) return respondProblem(data, path)
  const accepted = await accept(c, scope, { data, tags: tags ?? [], body: body.bytes })
  if (isProblem(accepted)) return respondProblem(accepted, path)
  return respondAccepted(accepted, endTask(data), baseOf(path, 1))
}

/** The workflow of a document, or what is wrong with it. */
async function checked(c: Context, scope: HttpScope, value: unknown): Promise<SignatureData | Problem> {
  try {
    const { data, calls } = readWorkflow(c, scope, value)
    return (await argumentProblem(calls, scope)) ?? data
  } catch (error) {
    if (error instanceof WorkflowRefusal) return error.problem
    throw error
  }
}

interface Checked {
  readonly data: SignatureData
  readonly tags: readonly string[]
  readonly body: Uint8Array
}

/** Send it, once for its `Idempotency-Key`, where it has one; or return what is wrong with it. */
async function accept(c: Context, scope: HttpScope, workflow: Checked): Promise<Accepted | Problem> {
  const { clock } = scope.app.config
  const now = clock.now()
  const header = headersOf(c)('idempotency-key')
  if (header === null) return send(c, scope, workflow, { id: uuid(now, clock), at: now, replayed: false })
  const key = parseKey(header)
  if (isProblem(key)) return key
  const keyed = { key, identity: identityOf(c)?.id ?? '', route: 'workflows', body: workflow.body }
  let sent: Accepted | Problem | undefined
  const accepted = await acceptOnce(scope, keyed, async (id, at, note) => {
    const isFirst = (await (await scope.jobs.notes())?.putIfAbsent(note)) === true
    if (isFirst) sent = await send(c, scope, workflow, { id, at, replayed: false })
    return { id, sent: isFirst }
  })
  if (isProblem(accepted) || sent) return sent ?? accepted
  if (await submittedWorkflow(accepted.id, scope)) return accepted
  return accepted.at + SENDING_MS > now ? stillSending(key) : send(c, scope, workflow, accepted)
}

/**
 * All ids are derived from that of the request: a repeat after a crash sends the same tasks. The note that it was sent
 * is written last.
 */
async function send(
  c: Context,
  scope: HttpScope,
  { data, tags }: Checked,
  accepted: Accepted,
): Promise<Accepted | Problem> {
  const owner = identityOf(c)?.id
  const { id, at } = accepted
  const task = endTask(data)
  const isKept = (await scope.jobs.notes()) !== undefined
  if (!isKept && (task === null || MAPS.has(task))) {
    const { backend } = await scope.app.connect()
    return { kind: 'cannot-remember', detail: `${backend} cannot remember a workflow that ends with many results` }
  }
  const handle = await start(scope, data, { taskId: id, tags, owner })
  if (isProblem(handle)) return handle
  if (handle instanceof GroupResult) await handle.save()
  await keepSubmitted(id, { at, owner, task }, scope)
  return accepted
}

/** What only the sender of all of it can find wrong is thrown before anything is sent. */
async function start({ app }: HttpScope, data: SignatureData, options: WorkflowOptions): Promise<object | Problem> {
  let sending: Promise<object>
  try {
    sending = app.signature(data).applyAsync([], options)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    return { kind: 'invalid-workflow', detail: error.message, members: { errors: [] } }
  }
  try {
    return await sending
  } catch (error) {
    if (!(error instanceof NotSupportedError)) throw error
    app.config.logger.warn({ err: error }, 'a workflow cannot be sent')
    return { kind: 'cannot-join', detail: 'this server cannot send such a workflow: see its log' }
  }
}

function stillSending(key: string): Problem {
  const detail = `the first request with the key ${JSON.stringify(key)} is still being accepted; try again`
  return { kind: 'key-in-use', detail, headers: { 'retry-after': '1' } }
}

/** Name of the task at the end of a workflow; null for a group. */
function endTask(data: SignatureData): string | null {
  switch (canvasOf(data)) {
    case 'chain':
      return endTask(tasksOf(data, data.task).at(-1) as SignatureData)
    case 'chord':
      return endTask(chordParts(data, data.task).body)
    case 'group':
      return null
    default:
      return data.task
  }
}
