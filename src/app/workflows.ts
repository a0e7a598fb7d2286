import type { AddedMember, ChordStore, OpenChord } from '../backend/chords.ts'
import type { Submission as Sending, SubmissionMetadata } from '../backend/unitOfWork.ts'
import { type AsyncResult, type ResultHandle, Submission } from '../calls/asyncResult.ts'
import { checkedCall } from '../calls/checkedCall.ts'
import { handleOf } from '../calls/groupResult.ts'
import type { Call, Prepared, Sender } from '../calls/prepareCall.ts'
import type { AppStores, Stores } from '../calls/stores.ts'
import type { AnyTask } from '../calls/task.ts'
import {
  callOptionsOf,
  type ParsedWorkflowOptions,
  parseWorkflowOptions,
  type WorkflowOptions,
  wireOptions,
} from '../calls/workflowOptions.ts'
import { checkWorkflow, refuseKeyed } from '../canvas/check.ts'
import { bodyCall, withCallback } from '../canvas/chordParts.ts'
import { keepWorkflow } from '../canvas/keptShape.ts'
import { type Plan, planOf } from '../canvas/plan.ts'
import { type Predecessor, SignaturePreparer } from '../canvas/prepareSignature.ts'
import { shapeOf } from '../canvas/shape.ts'
import { withEnd } from '../canvas/signatureEnd.ts'
import type { Config } from '../config/config.ts'
import type { Job } from '../protocol/job.ts'
import { ownershipIn } from '../protocol/ownership.ts'
import { emptyRecord } from '../protocol/record.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { PENDING } from '../protocol/states.ts'
import { type Clock, isoOf } from '../std/clock.ts'
import { ArgumentError, NotSupportedError, QueueFullError } from '../std/errors.ts'
import { uuid, uuidOf } from '../std/id.ts'
import { compose } from '../std/middleware.ts'
import { pause } from '../std/pause.ts'
import { childrenHere, contextHere, lineage } from '../tasks/current.ts'
import type { EagerHost } from './eagerWorkflow.ts'
import type { Layers } from './lifeCycle/layers.ts'

/** How long a client of Celery may send the other members of a chord after one that runs, ms; and between looks, ms. */
const OPENING_LIMIT_MS = 10_000
const OPENING_LOOK_MS = 100

/** What sending workflows needs of the app. */
export interface WorkflowHost {
  readonly config: Config
  readonly tasks: ReadonlyMap<string, AnyTask>
  readonly stores: AppStores
  readonly sender: Sender
  readonly layers: Layers
  beforeSending(prepared: Prepared): void
  afterSending(prepared: Prepared, sent: boolean): AsyncResult
  readonly eager: Pick<EagerHost, 'runJob' | 'taskEnded'>
}

/** A workflow that is checked: what it was called with, and where. */
interface Planned extends Plan {
  readonly data: SignatureData
  /** What its ids are derived from. */
  readonly id: string
  readonly before: Predecessor
  readonly options: ParsedWorkflowOptions
  readonly now: number
  /** It is a member that is added to a chord, by the call that `where` names. */
  readonly adds?: AddedMember & { readonly where: string }
}

/** Check a workflow, then send what runs first. See `WorkflowSender.sendWorkflow`. */
export function sendWorkflow(
  host: WorkflowHost,
  data: SignatureData,
  args: readonly unknown[],
  options: WorkflowOptions,
  names: readonly string[] | undefined,
): Submission<unknown> {
  const planned = plan(host, data, args, options)
  // Before it is sent: the caller need not await that, and the task around may have ended by then.
  childrenHere()?.push(...idsOf(planned))
  const sending: Promise<ResultHandle> = submit(host, planned).then(() => handleOf(planned.outline, host.stores, names))
  return Submission.resolve(sending) as unknown as Submission<unknown>
}

/** Send one member more of the header that a job is a member of. See `ctx.addToChord`. */
export async function addToChord(host: WorkflowHost, job: Job, data: SignatureData, count: number): Promise<string> {
  const { group, embed, rootId = job.id, replyTo } = job.message ?? {}
  const where = `task ${job.task}: addToChord`
  if (group === undefined || !embed?.chord)
    throw new ArgumentError(`${where}: expected a member of the header of a chord, got a task that is none`)
  if (canvasOf(data) === 'group') throw new ArgumentError(`${where}: expected one member, got a group`)
  if (job.eager) throw new NotSupportedError(`${where}: alwaysEager runs no member that is added to a chord`)
  const { backend, unitOfWork } = await host.stores.openSending()
  if (!backend.chords || !unitOfWork.submitGroup)
    throw new NotSupportedError(`${where}: ${backend.url} cannot join the parts of a chord`)
  // Before anything is written; it may end until then.
  if (!(await isOpen(group, backend.chords, host.config.clock))) throw chordEnded(where)
  const id = uuidOf(job.id, 'added', String(count))
  const member = withEnd(data, { id, part: { group_id: group, chord: embed.chord } })
  const planned = plan(host, member, [], ownershipIn(job.headers) ?? {})
  const call = { id: group, rootId, replyTo, context: planned.before.context }
  const callback = unitOfWork.atomic ? undefined : bodyCall(embed.chord, call)
  await submit(host, { ...planned, adds: { group, taskId: id, callback, where } })
  childrenHere()?.push(...idsOf(planned))
  return id
}

async function isOpen(group: string, chords: ChordStore, clock: Clock): Promise<boolean> {
  const end = clock.now() + (chords.opensLate ? OPENING_LIMIT_MS : 0)
  while (!(await chords.progress(group))) {
    if (clock.now() >= end) return false
    await pause(OPENING_LOOK_MS, clock, new AbortController().signal)
  }
  return true
}

function chordEnded(where: string): ArgumentError {
  return new ArgumentError(`${where}: the chord has ended`)
}

/** Of the tasks that are sent now. */
function idsOf({ calls }: Planned): readonly string[] {
  return calls.map(({ options }) => options.task_id as string)
}

function plan(host: WorkflowHost, data: SignatureData, args: readonly unknown[], given: WorkflowOptions): Planned {
  const { config, tasks, sender } = host
  const now = config.clock.now()
  const options = parseWorkflowOptions(given, data.task, now)
  checkWorkflow(data, (task) => tasks.get(task)?.definition.options.serializer ?? config.serializer)
  refuseKeyed(data, tasks, data.task)
  const id = options.taskId ?? uuid(now, config.clock)
  const made = planOf(data, args, id, options)
  const parent = lineage()
  const before: Predecessor = {
    id: parent?.parentId,
    rootId: parent?.rootId ?? (made.calls[0]?.options.task_id as string),
    replyTo: sender.replyTo,
    origin: sender.origin,
    context: contextHere()?.wire,
  }
  return { ...made, data, id, before, options, now }
}

async function submit(host: WorkflowHost, planned: Planned): Promise<void> {
  const stores = await host.stores.openSending()
  const { alwaysEager } = host.config
  if (planned.joins && !alwaysEager && !(stores.unitOfWork.submitGroup && stores.backend.chords))
    throw new NotSupportedError(
      `a chord needs a result backend that joins its parts: set backend to a sqlite:, postgres: or redis: URL; got ${stores.backend.url} for results, ${stores.broker.url} for messages`,
    )
  const checking = planned.calls.map((call) => checkedArguments(host, call))
  const checked = checking.some(isPromise) ? await Promise.all(checking) : (checking as readonly SignatureData[])
  if (host.layers.send.length > 0) return throughLayers(host, planned, checked, stores)
  const prepare = preparing(host, planned)
  await write(host, planned, checked.map(prepare), stores)
}

/** The arguments of a task of this app are checked, as those of `delay`. */
function checkedArguments({ tasks }: WorkflowHost, call: SignatureData): SignatureData | Promise<SignatureData> {
  const definition = tasks.get(call.task)?.definition
  if (!definition) return call
  const checked = checkedCall(definition, call, {})
  return isPromise(checked) ? checked.then((own) => withArguments(call, own)) : withArguments(call, checked)
}

function withArguments(call: SignatureData, { args, kwargs }: Call): SignatureData {
  return args === call.args && kwargs === call.kwargs ? call : { ...call, args, kwargs }
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return value instanceof Promise
}

/** What prepares the calls of a workflow. */
function preparing(host: WorkflowHost, { before, options, now }: Planned): (call: SignatureData) => Prepared {
  const preparer = new SignaturePreparer(before, host, now)
  const metadata = metadataOf(options)
  return (call) => {
    const made = preparer.prepare(call)
    const submission = metadata && !made.ignored ? { ...made.submission, metadata } : made.submission
    return { ...made, submission, options: callOptionsOf(call.options) }
  }
}

function metadataOf({ tags, owner }: ParsedWorkflowOptions): SubmissionMetadata | undefined {
  return tags === undefined && owner === undefined ? undefined : { tags, owner }
}

/** Each call passes the send middleware; when all have come through, all are written, and the middleware goes on. */
async function throughLayers(
  host: WorkflowHost,
  planned: Planned,
  calls: readonly SignatureData[],
  stores: Stores,
): Promise<void> {
  const written = Promise.withResolvers<readonly AsyncResult[]>()
  written.promise.catch(() => undefined)
  const arrived = calls.map(() => Promise.withResolvers<Prepared>())
  const prepare = preparing(host, planned)
  const passing = calls.map((call, at) => {
    const core = (given: Call): Promise<AsyncResult> => {
      arrived[at]?.resolve(prepare(withCall(call, given)))
      return written.promise.then((handles) => handles[at] as AsyncResult)
    }
    const passed = compose(host.layers.send, core)(callOf(host, call))
    const short = (): void =>
      arrived[at]?.reject(
        new NotSupportedError(`task ${call.task}: send middleware did not send a member of a workflow`),
      )
    passed.then(short, (error) => arrived[at]?.reject(error))
    return passed
  })
  try {
    written.resolve(await write(host, planned, await Promise.all(arrived.map(({ promise }) => promise)), stores))
  } catch (error) {
    written.reject(error)
    throw error
  } finally {
    await Promise.allSettled(passing)
  }
  await Promise.all(passing)
}

function callOf({ tasks }: WorkflowHost, { task, args, kwargs, options }: SignatureData): Call {
  return { task, args, kwargs, options: callOptionsOf(options), definition: tasks.get(task)?.definition }
}

/** A call as its middleware has changed it: its id, and what follows it, stay. */
function withCall(call: SignatureData, { args, kwargs, options }: Call): SignatureData {
  const { taskId: _, ...given } = options
  return { ...call, args, kwargs, options: { ...call.options, ...wireOptions(given, `task ${call.task}`) } }
}

async function write(
  host: WorkflowHost,
  planned: Planned,
  all: readonly Prepared[],
  stores: Stores,
): Promise<readonly AsyncResult[]> {
  for (const one of all) host.beforeSending(one)
  await Promise.all([writeLater(planned, stores), keepShape(planned, stores, host)])
  const sent = await host.layers
    .written('workflow', all, stores.broker.url, async (ready) => {
      const wrote = await writeFirst(host, planned, ready, stores)
      return ready.map(() => wrote)
    })
    .catch(async (error: unknown) => {
      // The caller gets this error; records that cannot be dropped now expire.
      if (error instanceof QueueFullError) await forgetLater(planned, stores).catch(() => undefined)
      throw error
    })
  return all.map((one, at) => host.afterSending(one, sent[at] === true))
}

/** What runs first. False for a member that was sent before. */
async function writeFirst(
  host: WorkflowHost,
  planned: Planned,
  ready: readonly Prepared[],
  stores: Stores,
): Promise<boolean> {
  const submissions = ready.map(({ submission }) => submission)
  const eager: EagerHost = { app: host, stores, origin: host.sender.origin, ...host.eager }
  if (host.config.alwaysEager) await (await import('./eagerWorkflow.ts')).runInOrder(ready, planned.opens, eager)
  else if (planned.adds) return add(planned.adds, submissions, planned, stores)
  else await send(submissions, planned, stores)
  return true
}

/** False for a member that was sent before. */
async function add(
  { where, ...member }: NonNullable<Planned['adds']>,
  submissions: readonly Sending[],
  { opens, before }: Planned,
  { unitOfWork }: Stores,
): Promise<boolean> {
  const opening = called(opens, before, unitOfWork.atomic)
  const adding = await unitOfWork.submitGroup?.(submissions, opening, member)
  if (adding === 'ended') throw chordEnded(where)
  return adding === 'new'
}

async function send(
  submissions: readonly Sending[],
  { opens, before }: Planned,
  { unitOfWork }: Stores,
): Promise<void> {
  if (submissions.length === 1 && opens.length === 0) await unitOfWork.submit(submissions[0] as Sending)
  else if (unitOfWork.submitGroup) await unitOfWork.submitGroup(submissions, called(opens, before, unitOfWork.atomic))
  else if (unitOfWork.submitMany) await unitOfWork.submitMany(submissions)
  else await Promise.all(submissions.map((one) => unitOfWork.submit(one)))
}

/** With the calls of their bodies: a chord fails if this process dies before its members are sent, one by one. */
function called(opens: Planned['opens'], before: Predecessor, atomic: boolean): readonly OpenChord[] {
  return opens.map((open) => (atomic && !open.held ? open : withCallback(open, before)))
}

/**
 * Records of the tasks that workers will send: without them, these ids would be unknown until then. Before what runs
 * first: a record that is final stays.
 */
async function writeLater({ later, options, now }: Planned, { unitOfWork, backend }: Stores): Promise<void> {
  const metadata = metadataOf(options)
  if (!backend.knowsAll && !(backend.jobs && metadata)) return
  const kept = later.filter(({ options: own }) => own.ignore_result !== true)
  const date_submitted = isoOf(now)
  const records = kept.map(({ task: name, options: own }) => ({
    meta: emptyRecord(own.task_id as string, PENDING, { name, retries: 0, date_submitted }),
    metadata,
  }))
  await Promise.all(records.map((record) => unitOfWork.submit(record)))
}

/** Nothing was sent: drop the records that `writeLater` has added. Those in a transaction of the caller are its own. */
async function forgetLater({ later, now }: Planned, { unitOfWork, backend }: Stores): Promise<void> {
  if (unitOfWork.notes || later.length === 0) return
  const known = await backend.load(later.map(({ options }) => options.task_id as string))
  const own = known.filter((meta) => meta?.status === PENDING && meta.date_submitted === isoOf(now))
  await backend.forget(own.flatMap((meta) => meta?.task_id ?? []))
}

/** What `app.workflow` knows of it. A task alone needs none; it is kept as long as the result of a task. */
async function keepShape(planned: Planned, { backend, unitOfWork }: Stores, { stores }: WorkflowHost): Promise<void> {
  const { data, id, calls, outline, now } = planned
  const rootId = calls[0]?.options.task_id
  const notes = unitOfWork.notes ?? backend.notes
  if (!notes || canvasOf(data) === undefined || typeof rootId !== 'string') return
  const kept = { id, rootId, shape: shapeOf(data) }
  await keepWorkflow(kept, outline.id, notes, now + stores.resultLifetime)
}
