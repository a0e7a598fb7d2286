import type { Context } from 'hono'
import { Control, type ControlReply } from '../../../control/control.ts'
import { PROFILE_SECONDS } from '../../../protocol/controlCommands.ts'
import type { WorkerActionDocument, WorkerListDocument, WorkerStackDocument } from '../../../protocol/workerDocument.ts'
import { ArgumentError } from '../../../std/errors.ts'
import { isRecord } from '../../../std/isRecord.ts'
import type { JsonSchema } from '../../../std/jsonSchema.ts'
import { roleProblem } from '../../access/roles.ts'
import type { HttpScope } from '../../apiContext.ts'
import { readBody } from '../../input/body.ts'
import { invalidInput } from '../../input/input.ts'
import { readQuery } from '../../input/query.ts'
import { respondDocument } from '../../output/document.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'
import { auditDetails } from '../audit/audit.ts'
import { queuesChanged } from './queueView.ts'
import { ACTIONS, type ActionFacts, type WorkerAction } from './workerActions.ts'
import { liveWorkers } from './workerAnswers.ts'

const NAME = /^\P{Cc}{1,255}$/u
/** How long a worker has to answer a command, ms: its answer ends the wait. */
const TIMEOUT_MS = 3000
/** The answer of a worker, ours or Celery's, to a command that it does not know. */
const UNKNOWN_COMMAND = /^KeyError\(/

/** `GET /workers`: those that answer. For viewers. */
export async function listWorkers(c: Context, { app }: HttpScope): Promise<Response> {
  const refused = roleProblem(c, 'viewer', 'to see workers') ?? unasked(c)
  if (refused) return respondProblem(refused, c.req.path)
  return respondDocument({ workers: await liveWorkers(app).all() } satisfies WorkerListDocument)
}

/** `GET /workers/{name}`: for viewers. */
export async function showWorker(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const refused = roleProblem(c, 'viewer', 'to see workers') ?? unasked(c)
  if (refused) return respondProblem(refused, path)
  const name = nameOf(c)
  const worker = name === undefined ? undefined : await liveWorkers(app).one(name)
  return worker ? respondDocument(worker) : respondProblem(silent(c), path)
}

/** `GET /workers/{name}/stack`: what each slot executes now. For operators: it interrupts the slots for a moment. */
export async function showStack(c: Context, { app }: HttpScope): Promise<Response> {
  const { path } = c.req
  const refused = roleProblem(c, 'operator', 'to see stacks') ?? unasked(c)
  if (refused) return respondProblem(refused, path)
  const name = nameOf(c)
  if (name === undefined) return respondProblem(silent(c), path)
  const answers = await new Control(app).broadcast('where', {}, { destination: [name], timeout: TIMEOUT_MS })
  const answer = answerOf(c, answers, name)
  if ('kind' in answer) return respondProblem(answer, path)
  const slots = Array.isArray(answer.value) ? answer.value.filter(isRecord) : []
  return respondDocument({ slots: slots.map(stackOf) })
}

/** `POST /workers/{name}/profile`: a CPU profile, for the DevTools of a browser. For operators. */
export async function profileWorker(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const forbidden = roleProblem(c, 'operator', 'to profile') ?? unasked(c)
  if (forbidden) return respondProblem(forbidden, path)
  const given = await membersOf(c, scope, { members: PROFILE_MEMBERS, required: [] })
  if ('kind' in given) return respondProblem(given as Problem, path)
  const name = nameOf(c)
  if (name === undefined) return respondProblem(silent(c), path)
  auditDetails(c, given)
  return answered(c, async () => {
    const { seconds = PROFILE_SECONDS, slot } = given as { seconds?: number; slot?: number }
    if (seconds > MAX_PROFILE_SECONDS)
      throw new ArgumentError(`seconds: expected at most ${MAX_PROFILE_SECONDS}, got ${seconds}`)
    const control = new Control(scope.app)
    // One that is not there would be waited for as long as a profile takes.
    if (!(await isThere(control, name))) return respondProblem(silent(c), path)
    const answers = await control.profile(name, { seconds, slot, content: true })
    const answer = answerOf(c, answers, name)
    if ('kind' in answer) return respondProblem(answer, path)
    const { profile } = answer.value as { readonly profile?: unknown }
    if (typeof profile !== 'string')
      return respondProblem({ kind: 'cannot-control', detail: 'the worker is too old to answer with a profile' }, path)
    const file = `${name.replace(/[^\w.-]/g, '_').slice(0, 100)}.cpuprofile`
    const headers = {
      'content-type': 'application/json',
      'content-disposition': `attachment; filename="${file}"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    }
    return new Response(profile, { headers })
  })
}

const MAX_PROFILE_SECONDS = 60

export const PROFILE_MEMBERS: Readonly<Record<string, JsonSchema>> = {
  seconds: { type: 'integer', minimum: 1, maximum: MAX_PROFILE_SECONDS, default: PROFILE_SECONDS },
  slot: { type: 'integer', minimum: 1, description: "Of its threads or processes. Default: the worker's own thread." },
}

/** `POST /workers/{name}/{action}`. */
export async function actOnWorker(c: Context, scope: HttpScope, action: WorkerAction): Promise<Response> {
  const { app } = scope
  const { path } = c.req
  const facts = ACTIONS[action]
  const refused = roleProblem(c, facts.role, `to ask a worker for ${action}`) ?? unasked(c)
  if (refused) return respondProblem(refused, path)
  const given = await membersOf(c, scope, facts)
  if ('kind' in given) return respondProblem(given as Problem, path)
  const name = nameOf(c)
  if (name === undefined) return respondProblem(silent(c), path)
  auditDetails(c, given)
  const control = new Control(app)
  const options = { destination: [name], timeout: TIMEOUT_MS }
  return answered(c, async () => {
    // One that shuts down does not answer: it must be there before.
    if (action === 'shutdown' && !(await isThere(control, name))) return respondProblem(silent(c), path)
    const answers = await facts.run(control, given, options)
    liveWorkers(app).changed()
    queuesChanged(app)
    if (!answers) return new Response(null, { status: 202, headers: { 'cache-control': 'no-store' } })
    const answer = answerOf(c, answers, name)
    if ('kind' in answer) return respondProblem(answer, path)
    const { ok } = isRecord(answer.value) ? answer.value : {}
    return respondDocument({ worker: name, ok: String(ok ?? 'done') } satisfies WorkerActionDocument)
  })
}

async function isThere(control: Control, name: string): Promise<boolean> {
  return (await control.ping({ destination: [name], timeout: TIMEOUT_MS })).length > 0
}

/** What the worker answered; or the problem where it did not, or refused. */
function answerOf(c: Context, answers: readonly ControlReply[], name: string): { readonly value: unknown } | Problem {
  const reply = answers.find((one) => Object.hasOwn(one, name))
  if (!reply) return silent(c)
  const value = reply[name]
  const error = isRecord(value) ? value.error : undefined
  if (error === undefined) return { value }
  const detail = `${name}: ${String(error)}`
  return UNKNOWN_COMMAND.test(String(error))
    ? { kind: 'cannot-control', detail: `${name} does not know this command: it is not one of celeriac's, or older` }
    : { kind: 'worker-refused', detail }
}

async function answered(c: Context, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    return respondProblem(invalidInput([{ pointer: '#', code: 'invalid', detail: error.message }]), c.req.path)
  }
}

/** The body of a command: an object with these members alone, or nothing where none is required. */
async function membersOf(
  c: Context,
  { maxBody }: HttpScope,
  { members, required }: Pick<ActionFacts, 'members' | 'required'>,
): Promise<Readonly<Record<string, unknown>> | Problem> {
  const body = await readBody(c, maxBody)
  if (body.kind === 'refused') return body.problem
  const value = body.kind === 'none' ? {} : body.kind === 'value' ? body.value : undefined
  if (!isRecord(value)) return wrong('#', 'expected an object')
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(members, name))
  if (unknown !== undefined)
    return wrong('#', `expected ${Object.keys(members).join(', ') || 'no members'}, got ${unknown}`)
  const missing = required.find((name) => value[name] === undefined)
  return missing === undefined ? value : wrong(`#/${missing}`, 'required')
}

function wrong(pointer: string, detail: string): Problem {
  const code = detail === 'required' ? 'required' : 'invalid'
  return invalidInput([{ pointer, code, detail }])
}

function stackOf({
  id,
  name,
  runtime,
  pool,
  slot,
  worker_pid: pid,
  stack,
}: Record<string, unknown>): WorkerStackDocument {
  return {
    ...{ id: String(id), task: String(name), pool: String(pool), pid: Number(pid) },
    ...(typeof runtime === 'number' && { age: runtime }),
    ...(typeof slot === 'number' && { slot }),
    ...(Array.isArray(stack) && { stack: stack.map(String) }),
  }
}

function silent(c: Context): Problem {
  return {
    kind: 'unknown-worker',
    detail: `no worker ${JSON.stringify(c.req.param('name'))} answered in time: it is gone, or too busy to answer`,
  }
}

function nameOf(c: Context): string | undefined {
  const name = c.req.param('name') ?? ''
  return NAME.test(name) ? name : undefined
}

/** These take no parameters: one that is ignored misleads. */
function unasked(c: Context): Problem | undefined {
  const query = readQuery(c.req.url, {})
  return query.kind === 'refused' ? query.problem : undefined
}
