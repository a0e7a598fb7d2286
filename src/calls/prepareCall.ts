import type { Message, Submission as Sent, SubmissionMetadata } from '../backend/unitOfWork.ts'
import { type CallOptions, type ParsedCallOptions, parseCallOptions } from '../config/callOptions.ts'
import type { Config } from '../config/config.ts'
import type { ParsedTaskOptions } from '../config/parsedTaskOptions.ts'
import { type Destination, destinationOf, toQueue } from '../config/queueOptions.ts'
import type { TaskRoute } from '../config/routeOptions.ts'
import { asksForMessage, onceRuleOf } from '../config/task/onceOptions.ts'
import { callHeaders, NO_HEADERS } from '../protocol/callHeaders.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { isoTime, pythonIso } from '../protocol/iso.ts'
import { LIMITS_HEADER } from '../protocol/limits.ts'
import { type Embed, encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../protocol/message.ts'
import { ownershipHeader } from '../protocol/ownership.ts'
import { pendingRecord } from '../protocol/record.ts'
import type { Concealed } from '../protocol/repr.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { stamped } from '../protocol/stamps.ts'
import { CONTEXT_HEADER, type RequestContext } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { isoOf } from '../std/clock.ts'
import { ArgumentError, EncodeError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import { concealedOf, shownReprs } from '../tasks/bind.ts'
import { contextHere, lineage } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import { limitHeaders } from '../tasks/limits/headers.ts'
import { retryHeader } from '../tasks/retry.ts'
import { sentVersion } from '../tasks/version.ts'
import { type Extension, extensionHeaders } from './extension.ts'
import { type Guard, guardOf, waitOf } from './keys/guard.ts'
import { knownKeyJob } from './keys/idempotentJobs.ts'

/** The call that send middleware gets, before it is encoded. */
export interface Call {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: CallOptions
  /** Known where the task is registered here; undefined for `app.send` by name. */
  readonly definition: TaskDefinition | undefined
}

/**
 * The sender: its name for people, the queue of its replies, if results are sent there, and what implements more call
 * options.
 */
export interface Sender {
  readonly origin: string
  readonly replyTo: string | undefined
  readonly extensions: readonly Extension[]
}

/** A prepared call: only the store can refuse it now. */
export interface Prepared {
  readonly id: string
  readonly message: TaskMessage
  readonly queue: string
  readonly ignored: boolean
  readonly submission: Sent & { readonly message: Message }
  /** As the caller gave them; absent for a call of a signature. */
  readonly options: CallOptions | undefined
  /** What keeps it from making a job where another one has its key; absent for most. */
  readonly guard?: Guard
}

/** Turn a call into its message and record. Throws ArgumentError and its subclasses for a call that cannot be sent. */
export function prepare(call: Call, config: Config, sender: Sender, now: number = config.clock.now()): Prepared {
  const { task } = call
  const options = parseCallOptions(call.options, `task ${task}`)
  const own = call.definition?.options
  const key = options.idempotencyKey
  const isOnce = key !== undefined && options.idempotencyExpires === undefined
  const id = options.taskId ?? (isOnce ? knownKeyJob(task, key) : uuid(now, config.clock))
  const eta = options.eta ?? momentOf(options.countdown ?? waitOf(own), now)
  const priority = options.priority ?? own?.priority
  const routed = config.route === undefined ? undefined : config.route(task, call)
  const { queue, route } = destinationFor(call, options, routed, config)
  const ignored = options.ignoreResult ?? own?.ignoreResult ?? config.ignoreResult
  if (ignored && isOnce)
    throw new ArgumentError(
      `task ${task}: idempotencyKey needs a record of the first call, and ignoreResult keeps none; with idempotencyExpires it needs none`,
    )
  const message = messageOf(call, options, {
    limited: limitsOf(call, queue, config),
    id,
    eta,
    ignored,
    priority: priority ?? routed?.priority,
    now,
    request: config.request,
    concealed: concealedOf(config, call.definition),
    ...sender,
  })
  const serializer = options.serializer ?? own?.serializer ?? config.serializer
  const envelope = encode(call, message, serializer, config.typedJson)
  const extra = {
    once: isOnce,
    metadata: metadataOf(options, envelope),
    note: options.note,
  }
  const prepared = preparedOf(message, envelope, { queue, route }, now, extra, call.options)
  const guard = guardOf(call, options, ignored, now)
  return guard ? { ...prepared, guard } : prepared
}

/** Calls of one moment: a store writes records that differ by their ids alone with less work. Throws as `prepare`. */
export function prepareAll(calls: readonly Call[], config: Config, sender: Sender): Prepared[] {
  const now = config.clock.now()
  return calls.map((call) => prepare(call, config, sender, now))
}

/** What is reported of a call that is sent: `TaskFacts` of the app's signals. */
export function sentFacts({ id, message, queue }: Prepared): SentFacts {
  const carried = contextHere()
  const facts = { id, task: message.task, queue, retries: 0 }
  if (!carried) return facts
  return {
    ...facts,
    get request() {
      return carried.view
    },
  }
}

interface SentFacts extends Pick<Prepared, 'id' | 'queue'> {
  readonly task: string
  readonly retries: number
  readonly request?: RequestContext
}

/** By what the call says, else its task, else the routes of the app. Throws ArgumentError. */
function destinationFor(
  { task, definition }: Call,
  options: ParsedCallOptions,
  routed: TaskRoute | undefined,
  { queue: last, exchanges }: Config,
): Destination {
  const { exchange, routingKey } = options
  const own = exchange === undefined ? (options.queue ?? definition?.options.queue) : options.queue
  const isPlain = exchange === undefined && routingKey === undefined
  if (isPlain && (own !== undefined || routed === undefined)) return toQueue(own ?? last, exchanges)
  const rest = exchange === undefined && own === undefined ? routed : undefined
  const given = {
    queue: own ?? rest?.queue,
    exchange: exchange ?? rest?.exchange,
    routingKey: routingKey ?? rest?.routingKey,
  }
  return destinationOf(given, exchanges, last, `task ${task}`)
}

/** A message with its envelope and its way, prepared for the store. `extra`: further fields of its submission. */
export function preparedOf(
  message: TaskMessage,
  envelope: Envelope,
  { queue, route }: Destination,
  now: number,
  extra?: Pick<Sent, 'once' | 'metadata' | 'note'>,
  options?: CallOptions,
): Prepared {
  const { id, eta, ignoreResult: ignored } = message
  const notBefore = eta === undefined ? undefined : isoTime(eta)
  const meta = ignored ? undefined : pendingRecord(message, queue, isoOf(now))
  const submission = { message: { envelope, route, notBefore }, meta, ...extra }
  return { id, message, queue, ignored, submission, options }
}

function metadataOf({ owner, tags, keepInput }: ParsedCallOptions, { body }: Envelope): SubmissionMetadata | undefined {
  if (owner === undefined && tags === undefined && !keepInput) return undefined
  return { owner, tags, input: keepInput ? body : undefined }
}

/** The caller passed one object, of arguments or as the task's input: the error's path names it as such. */
function encode(
  { definition }: Call,
  message: TaskMessage,
  serializer: 'json' | 'msgpack',
  typedJson: boolean,
): Envelope {
  try {
    return encodeTask(message, serializer, typedJson)
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error
    const given = definition?.style === 'object' ? 'input' : 'args'
    throw new EncodeError(error.message.replace(/^kwargs/, given), { cause: error.cause })
  }
}

function messageOf(
  call: Call,
  options: ParsedCallOptions,
  facts: Sender &
    Pick<TaskMessage, 'priority'> & {
      limited: Limited
      id: string
      eta: Date | undefined
      ignored: boolean
      now: number
      concealed: Concealed | undefined
    } & Pick<Config, 'request'>,
): TaskMessage {
  const { definition, task } = call
  const own: ParsedTaskOptions | undefined = definition?.options
  const expires = momentOf(options.expires ?? own?.expires, facts.now)
  const parent = lineage()
  return {
    id: facts.id,
    task,
    args: call.args,
    kwargs: call.kwargs,
    ...shownReprs(call, facts.concealed, definition),
    embed: embedOf(options),
    ...stampsOf(options),
    eta: facts.eta && pythonIso(facts.eta),
    expires: expires && pythonIso(expires),
    retries: 0,
    timeLimit: options.timeLimit ?? own?.timeLimit,
    softTimeLimit: options.softTimeLimit ?? own?.softTimeLimit,
    rootId: parent?.rootId ?? facts.id,
    parentId: parent?.parentId,
    origin: facts.origin,
    replyTo: facts.replyTo,
    ignoreResult: facts.ignored,
    priority: facts.priority,
    headers: inContext(withLimits(headersOf(options, own, task, facts), facts.limited), facts.request),
  }
}

function embedOf({ link, linkError, stamps }: ParsedCallOptions): Embed {
  if (link === undefined && linkError === undefined) return NOTHING_EMBEDDED
  const all = (links: readonly SignatureData[]): readonly SignatureData[] =>
    stamps ? links.map((one) => stamped(one, stamps)) : links
  return { ...NOTHING_EMBEDDED, callbacks: link ? all(link) : null, errbacks: linkError ? all(linkError) : null }
}

function stampsOf({ stamps }: ParsedCallOptions): Pick<TaskMessage, 'stampedHeaders' | 'stamps'> {
  return stamps === undefined ? {} : { stampedHeaders: Object.keys(stamps), stamps }
}

function headersOf(
  options: ParsedCallOptions,
  own: ParsedTaskOptions | undefined,
  task: string,
  { extensions, now }: Pick<Sender, 'extensions'> & { now: number },
): TaskMessage['headers'] {
  const extended = extensionHeaders(options, task, extensions)
  const facts = callHeaders({
    resultExpires: options.resultExpires ?? own?.resultExpires,
    deadline: momentOf(options.deadline ?? own?.deadline, now)?.getTime(),
    version: own && sentVersion(own),
  })
  const { headers = NO_HEADERS, retry, owner, tags } = options
  if (!retry && !extended && !facts && owner === undefined && tags === undefined) return headers
  return { ...headers, ...retryHeader(retry), ...ownershipHeader(options), ...facts, ...extended }
}

/**
 * With the context of the request in which this is called, unless the caller set that header: its value is then checked
 * like our own.
 */
function inContext(headers: TaskMessage['headers'], config: Config['request']): TaskMessage['headers'] {
  if (headers !== NO_HEADERS && Object.hasOwn(headers, CONTEXT_HEADER)) {
    const given = headers[CONTEXT_HEADER]
    const read = given === undefined || given === null ? undefined : readContext(given, config)
    if (read && 'problem' in read) throw new ArgumentError(`headers.${CONTEXT_HEADER}: ${read.problem}`)
    return headers
  }
  const carried = contextHere()
  return carried ? { ...headers, [CONTEXT_HEADER]: carried.wire } : headers
}

type Limited = Readonly<Record<string, string>> | undefined

/** The header of the limits that a call to this queue has. Throws ArgumentError for a key that cannot be. */
export function limitsOf(
  { task, definition, args, kwargs }: Pick<Call, 'task' | 'definition' | 'args' | 'kwargs'>,
  queue: string,
  { queues, limits }: Pick<Config, 'queues' | 'limits'>,
): Limited {
  const limited = queues[queue]?.concurrency === undefined ? undefined : queue
  const hasLimits = definition?.options.limits !== undefined || limited !== undefined
  if (!hasLimits && !(limits && isAskedFor(definition))) return undefined
  return limitHeaders({ task, definition, given: { args, kwargs }, queue: limited })
}

/** Where only messages in lanes are found: its messages wait in one that takes nothing of any limit. */
function isAskedFor(definition: TaskDefinition | undefined): boolean {
  const rule = definition && onceRuleOf(definition.options)
  return rule !== undefined && asksForMessage(rule)
}

/** Its limits may depend on its arguments. */
export function isLimited({ message }: Pick<Prepared, 'message'>): boolean {
  return Object.hasOwn(message.headers, LIMITS_HEADER)
}

function withLimits(headers: TaskMessage['headers'], limited: Limited): TaskMessage['headers'] {
  return limited ? { ...headers, ...limited } : headers
}

/** A moment, or this many ms from now. */
export function momentOf(time: Date | number | undefined, now: number): Date | undefined {
  return typeof time === 'number' ? new Date(now + time) : time
}
