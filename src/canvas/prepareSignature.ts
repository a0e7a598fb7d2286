import { isLimited, limitsOf, type Prepared, preparedOf } from '../calls/prepareCall.ts'
import type { AnyTask } from '../calls/task.ts'
import { callOptionsOf } from '../calls/workflowOptions.ts'
import type { Config } from '../config/config.ts'
import type { ParsedTaskOptions } from '../config/parsedTaskOptions.ts'
import { type Destination, destinationOf, toExchange, toQueue } from '../config/queueOptions.ts'
import type { TaskRoute } from '../config/routeOptions.ts'
import { isPriority } from '../config/task/taskTable.ts'
import { callHeaders } from '../protocol/callHeaders.ts'
import { isoTime, pythonIso } from '../protocol/iso.ts'
import { type Embed, encodeTask, LikeEncoder, type TaskMessage } from '../protocol/message.ts'
import { ownershipIn } from '../protocol/ownership.ts'
import { PythonValue } from '../protocol/pythonValue.ts'
import { readSignature, readSignatures, type SignatureData } from '../protocol/signature.ts'
import type { TraceContext } from '../protocol/traceContext.ts'
import { CONTEXT_HEADER } from '../request/requestContext.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { concealedOf, shownReprs } from '../tasks/bind.ts'

/** What sending a signature needs of the app. */
export interface CanvasApp {
  readonly config: Config
  readonly tasks: ReadonlyMap<string, AnyTask>
}

/** What the call of a signature gets from the task that it follows, or from its caller. */
export interface Predecessor {
  /** Undefined for a call that no task makes. */
  readonly id: string | undefined
  readonly rootId: string
  /** Queue of its caller's replies: without it, an rpc client would never see the result. */
  readonly replyTo: string | undefined
  /** Name of the sender, for people. */
  readonly origin: string
  /** Its request context, which is passed on to what follows. */
  readonly context?: unknown
  /** Its trace context, which is passed on, too. */
  readonly trace?: TraceContext | undefined
}

/** How one signature is called. */
export interface SignatureCall {
  readonly signature: SignatureData
  /** Put before its own arguments, unless it is immutable. */
  readonly args: readonly unknown[]
  /** Its id, unless the signature has one. */
  readonly id: string
  /** The rest of the chain after it, reversed. */
  readonly chain?: readonly SignatureData[]
  /** Options of each task in it that has none of its own. */
  readonly flow?: SignatureData['options']
}

type Options = Readonly<Record<string, unknown>>

/**
 * Prepare the call of a task, with all that its options say. Throws ArgumentError, EncodeError or DecodeError for a
 * call that cannot be sent.
 */
export function prepareSignature(signature: SignatureData, before: Predecessor, app: CanvasApp, now: number): Prepared {
  const { task, options } = signature
  const { config } = app
  const definition = app.tasks.get(task)?.definition
  const own = definition?.options
  const ignored = flag(options, 'ignore_result') ?? own?.ignoreResult ?? config.ignoreResult
  const { args, kwargs } = signature
  const routed = config.route?.(task, { args, kwargs, options: callOptionsOf(options) })
  const to = destinationIn(options, own?.queue, routed, config)
  const limited = limitsOf({ task, definition, args, kwargs }, to.queue, config)
  const plain = withLimits(messageOf(signature, before, { now, ignored, own, routed }), limited)
  const what = concealedOf(config, definition)
  const message = what === undefined ? plain : { ...plain, ...shownReprs(plain, what, definition) }
  const serializer = serializerOf(options) ?? own?.serializer ?? config.serializer
  const envelope = encodeTask(message, serializer, config.typedJson)
  const metadata = ignored ? undefined : ownershipIn(message.headers)
  return preparedOf(message, envelope, to, now, { metadata })
}

function withLimits(message: TaskMessage, limited: TaskMessage['headers'] | undefined): TaskMessage {
  return limited ? { ...message, headers: { ...message.headers, ...limited } } : message
}

/** A queue comes before an exchange. Throws ArgumentError. */
function destinationIn(
  options: Options,
  own: string | undefined,
  routed: TaskRoute | undefined,
  { queue: last, exchanges }: Config,
): Destination {
  // Python's values for the default are None and ''.
  const [queue, exchange, key] = ['queue', 'exchange', 'routing_key'].map((name) => text(options, name) || undefined)
  if (queue !== undefined) return toQueue(queue, exchanges, key)
  if (exchange !== undefined) return toExchange(exchange, key ?? own ?? last, exchanges)
  if (key !== undefined) return toQueue(key, exchanges)
  return own === undefined && routed
    ? destinationOf(routed, exchanges, last, 'routes')
    : toQueue(own ?? last, exchanges)
}

/** A call, and what those that are like it share with it. */
interface First {
  readonly call: SignatureData
  readonly prepared: Prepared
  readonly encoder: LikeEncoder
}

/**
 * Prepares calls of one moment, as `prepareSignature` does. Of a call that differs from an earlier one in id, arguments
 * and place in its group alone, only these are read and encoded: so are most members of groups.
 */
export class SignaturePreparer {
  readonly #before: Predecessor
  readonly #app: CanvasApp
  readonly #now: number
  #first: First | undefined

  /** `now`: ms since the epoch. */
  constructor(before: Predecessor, app: CanvasApp, now: number) {
    this.#before = before
    this.#app = app
    this.#now = now
  }

  /** Throws as `prepareSignature`. */
  prepare(call: SignatureData): Prepared {
    const first = this.#first
    if (first && isLike(call, first.call) && !isLimited(first.prepared)) return this.#prepareLike(call, first)
    const prepared = prepareSignature(call, this.#before, this.#app, this.#now)
    const encoder = new LikeEncoder(prepared.message, prepared.submission.message.envelope, this.#app.config.typedJson)
    this.#first = { call, prepared, encoder }
    return prepared
  }

  #prepareLike({ args, kwargs, options }: SignatureData, { prepared, encoder }: First): Prepared {
    const { message: first, submission } = prepared
    const own = { id: options.task_id as string, groupIndex: options.group_index as number }
    const plain = { ...first, ...own, args, kwargs }
    const definition = this.#app.tasks.get(plain.task)?.definition
    const what = concealedOf(this.#app.config, definition)
    const message = what === undefined ? plain : { ...plain, ...shownReprs(plain, what, definition) }
    const { queue } = prepared
    const to = { queue, route: submission.message.route }
    return preparedOf(message, encoder.encode(message), to, this.#now, {
      metadata: submission.metadata,
    })
  }
}

function isLike({ task, options }: SignatureData, first: SignatureData): boolean {
  const names = Object.keys(options)
  return (
    task === first.task &&
    typeof options.task_id === 'string' &&
    typeof options.group_index === 'number' &&
    names.length === Object.keys(first.options).length &&
    names.every((name) => name === 'task_id' || name === 'group_index' || options[name] === first.options[name])
  )
}

/** How each option is read; `checkOptions` reads them before anything is sent. */
const READERS: Readonly<Record<string, (options: Options, name: string) => unknown>> = {
  task_id: text,
  group_id: text,
  group_index: number,
  queue: text,
  exchange: text,
  routing_key: text,
  reply_to: text,
  shadow: text,
  serializer: serializerOf,
  countdown: number,
  eta: (options, name) => time(options, name, 0),
  expires: (options, name) => time(options, name, 0),
  retries: number,
  replaced_task_nesting: number,
  time_limit: number,
  soft_time_limit: number,
  priority,
  ignore_result: flag,
  headers: record,
  chord: (options, name) => isNothing(options[name]) || readSignature(options[name], `options.${name}`),
}

/** Read every option of a signature. Throws ArgumentError for one that cannot be sent; `where` names the signature. */
export function checkOptions(options: Options, where: string): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(READERS, name)) continue
    try {
      READERS[name]?.(options, name)
    } catch (error) {
      throw new ArgumentError(`${where}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function messageOf(
  { task, args, kwargs, options }: SignatureData,
  before: Predecessor,
  {
    now,
    ignored,
    own,
    routed,
  }: {
    now: number
    ignored: boolean
    own: ParsedTaskOptions | undefined
    routed: TaskRoute | undefined
  },
): TaskMessage {
  const { stamped_headers, stamps, ...given } = record(options, 'headers') ?? {}
  const headers = { ...headersOf(own, now), ...given }
  return {
    id: text(options, 'task_id') as string,
    task,
    args,
    kwargs,
    embed: embedOf(options),
    eta: time(options, 'eta', now) ?? after(options, 'countdown', now),
    expires: time(options, 'expires', now),
    retries: number(options, 'retries') ?? 0,
    timeLimit: limit(options, 'time_limit'),
    softTimeLimit: limit(options, 'soft_time_limit'),
    rootId: before.rootId,
    parentId: before.id,
    group: text(options, 'group_id'),
    groupIndex: number(options, 'group_index'),
    origin: before.origin,
    replyTo: text(options, 'reply_to') ?? before.replyTo,
    ignoreResult: ignored,
    priority: priority(options) ?? routed?.priority,
    headers: { ...(before.context !== undefined && { [CONTEXT_HEADER]: before.context }), ...before.trace, ...headers },
    shadow: text(options, 'shadow'),
    replacedTaskNesting: number(options, 'replaced_task_nesting'),
    ...stampsOf(options, { stamped_headers, stamps }),
  }
}

/** The headers of the task's own options. */
function headersOf(own: ParsedTaskOptions | undefined, now: number): Options | undefined {
  if (!own) return undefined
  const { resultExpires, deadline } = own
  return callHeaders({ resultExpires, deadline: deadline === undefined ? undefined : now + deadline })
}

function embedOf(options: Options): Embed {
  const some = (list: readonly SignatureData[] | null): readonly SignatureData[] | null => (list?.length ? list : null)
  return {
    callbacks: some(readSignatures(options.link, 'options.link')),
    errbacks: some(readSignatures(options.link_error, 'options.link_error')),
    chain: some(readSignatures(options.chain, 'options.chain')),
    chord: isNothing(options.chord) ? null : readSignature(options.chord, 'options.chord'),
  }
}

/**
 * Each stamp is among the options under its own name; a worker that passes stamps on keeps them together in the
 * headers.
 */
function stampsOf(options: Options, given: Options): Pick<TaskMessage, 'stampedHeaders' | 'stamps'> {
  const names = options.stamped_headers ?? given.stamped_headers
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) return {}
  const values = isRecord(given.stamps) ? given.stamps : {}
  return {
    stampedHeaders: names,
    stamps: Object.fromEntries(names.map((name) => [name, options[name] ?? values[name]])),
  }
}

function serializerOf(options: Options): 'json' | 'msgpack' | undefined {
  const name = text(options, 'serializer')
  if (name === undefined || name === 'json' || name === 'msgpack') return name
  throw wrong('serializer', "'json' or 'msgpack'", name)
}

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

/** An option of this kind; undefined where it is absent or null. Throws ArgumentError for any other value. */
function typed<Value>(
  options: Options,
  name: string,
  isKind: (value: unknown) => value is Value,
  expected: string,
): Value | undefined {
  const value = options[name]
  if (isNothing(value)) return undefined
  if (isKind(value)) return value
  throw wrong(name, expected, value)
}

function text(options: Options, name: string): string | undefined {
  return typed(options, name, (value) => typeof value === 'string', 'text')
}

function number(options: Options, name: string): number | undefined {
  return typed(options, name, isFiniteNumber, 'a number')
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function priority(options: Options): number | undefined {
  const value = number(options, 'priority')
  if (value === undefined || isPriority(value)) return value
  throw wrong('priority', 'a whole number from 0 to 255', value)
}

function flag(options: Options, name: string): boolean | undefined {
  return typed(options, name, (value) => typeof value === 'boolean', 'true or false')
}

function record(options: Options, name: string): Options | undefined {
  return typed(options, name, isRecord, 'an object')
}

/** A moment, as text or Date; or seconds from now. */
function time(options: Options, name: string, now: number): string | undefined {
  const value = options[name]
  if (value instanceof Date) return pythonIso(value)
  if (value instanceof PythonValue && value.type === 'datetime') return value.text
  if (typeof value === 'number') return after(options, name, now)
  const moment = text(options, name)
  if (moment !== undefined) isoTime(moment)
  return moment
}

function after(options: Options, name: string, now: number): string | undefined {
  const seconds = number(options, name)
  return seconds === undefined ? undefined : pythonIso(new Date(now + seconds * 1000))
}

/** Seconds as ms. */
function limit(options: Options, name: string): number | undefined {
  const seconds = number(options, name)
  return seconds === undefined ? undefined : Math.round(seconds * 1000)
}

function wrong(name: string, expected: string, got: unknown): ArgumentError {
  return new ArgumentError(`signature option ${name}: expected ${expected}, got ${JSON.stringify(got)?.slice(0, 80)}`)
}
