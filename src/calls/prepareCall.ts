import type { Origin, Submission as Sent } from '../backend/unitOfWork.ts'
import type { Route } from '../broker/broker.ts'
import type { Config } from '../config/config.ts'
import { type CallOptions, checkCallOptions, type ParsedTaskOptions, parseRetry } from '../config/taskOptions.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { isoTime, pythonIso } from '../protocol/iso.ts'
import { encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../protocol/message.ts'
import { pendingRecord } from '../protocol/record.ts'
import { CONTEXT_HEADER } from '../request/requestContext.ts'
import { readContext } from '../request/wire.ts'
import { isoNow } from '../std/clock.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError, EncodeError } from '../std/errors.ts'
import { uuid, uuidOf } from '../std/id.ts'
import { requireDate } from '../std/validate.ts'
import { contextHere, lineage } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import { RETRY_HEADER } from '../tasks/runJob.ts'
import { type Extension, extensionHeaders } from './extension.ts'

/** What send middleware sees: a call on its way, before it is encoded. */
export interface Call {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: CallOptions
  /** Known where the task is registered here; undefined for `app.send` by name. */
  readonly definition: TaskDefinition | undefined
}

/** Who sends: its name for people, the queue of its replies, if results are sent there, and what implements more call options. */
export interface Sender {
  readonly origin: string
  readonly replyTo: string | undefined
  readonly extensions: readonly Extension[]
}

/** A call made ready: nothing but the store can refuse it now. */
export interface Prepared {
  readonly id: string
  readonly message: TaskMessage
  readonly queue: string
  readonly ignored: boolean
  readonly submission: Sent
}

/** Turn a call into its message and record. Throws ArgumentError and its kinds for whatever cannot be sent. */
export function prepare(call: Call, config: Config, sender: Sender): Prepared {
  const { options, task } = call
  checkCallOptions(options, task)
  const own = call.definition?.options
  const now = Date.now()
  const id = options.taskId ?? (options.idempotencyKey === undefined ? uuid(now) : uuidOf(task, options.idempotencyKey))
  const eta = etaOf(options, now)
  const queue = options.queue ?? own?.queue ?? config.route(task) ?? config.queue
  const ignored = options.ignoreResult ?? own?.ignoreResult ?? config.ignoreResult
  if (ignored && options.idempotencyKey !== undefined)
    throw new ArgumentError(
      `task ${task}: idempotencyKey needs a record of the first call, and ignoreResult keeps none`,
    )
  const message = messageOf(call, {
    id,
    eta,
    ignored,
    now,
    request: config.request,
    ...sender,
  })
  const serializer = options.serializer ?? own?.serializer ?? config.serializer
  const envelope = encode(call, message, serializer, config.typedJson)
  return preparedOf(message, envelope, { exchange: '', routingKey: queue }, now, {
    once: options.idempotencyKey !== undefined,
    origin: originOf(options, envelope),
    note: options.note,
  })
}

/** A message with its envelope and its route, made ready for the store. `extra`: what its submission says beside. */
export function preparedOf(
  message: TaskMessage,
  envelope: Envelope,
  route: Route,
  now: number,
  extra?: Pick<Sent, 'once' | 'origin' | 'note'>,
): Prepared {
  const { id, eta, ignoreResult: ignored } = message
  const queue = route.routingKey
  const notBefore = eta === undefined ? undefined : isoTime(eta)
  const meta = ignored ? undefined : pendingRecord(message, queue, isoNow(now))
  return { id, message, queue, ignored, submission: { message: { envelope, route, notBefore }, meta, ...extra } }
}

function originOf({ owner, tags, keepInput }: CallOptions, { body }: Envelope): Origin | undefined {
  if (owner === undefined && tags === undefined && !keepInput) return undefined
  return { owner, tags, input: keepInput ? body : undefined }
}

/** The caller gave one object, of arguments or as the task's input: the error's path names it as such. */
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
  facts: Sender & { id: string; eta: Date | undefined; ignored: boolean; now: number } & Pick<Config, 'request'>,
): TaskMessage {
  const { options, definition, task } = call
  const own: ParsedTaskOptions | undefined = definition?.options
  const expires =
    expiresOf(options.expires, facts.now, task) ??
    (own?.expires === undefined ? undefined : new Date(facts.now + own.expires))
  const parent = lineage()
  return {
    id: facts.id,
    task,
    args: call.args,
    kwargs: call.kwargs,
    embed: NOTHING_EMBEDDED,
    eta: facts.eta && pythonIso(facts.eta),
    expires: expires && pythonIso(expires),
    retries: 0,
    timeLimit: limitOf(options.timeLimit, `task ${task}: timeLimit`) ?? own?.timeLimit,
    softTimeLimit: limitOf(options.softTimeLimit, `task ${task}: softTimeLimit`) ?? own?.softTimeLimit,
    rootId: parent?.rootId ?? facts.id,
    parentId: parent?.parentId,
    origin: facts.origin,
    replyTo: facts.replyTo,
    ignoreResult: facts.ignored,
    priority: options.priority ?? own?.priority,
    headers: inContext(headersOf(options, task, facts.extensions), facts.request),
  }
}

function headersOf(options: CallOptions, task: string, extensions: readonly Extension[]): Record<string, unknown> {
  const extended = extensionHeaders(options, task, extensions)
  if (options.retry === undefined && extended === undefined) return options.headers ?? {}
  return { ...options.headers, ...retryHeader(options, task), ...extended }
}

/** With the context of the request in which this is called, unless the caller gave one by hand: that is then checked as ours would be. */
function inContext(headers: Record<string, unknown>, config: Config['request']): Record<string, unknown> {
  if (Object.hasOwn(headers, CONTEXT_HEADER)) {
    const given = headers[CONTEXT_HEADER]
    const read = given === undefined || given === null ? undefined : readContext(given, config)
    if (read && 'problem' in read) throw new ArgumentError(`headers.${CONTEXT_HEADER}: ${read.problem}`)
    return headers
  }
  const carried = contextHere()
  return carried ? { ...headers, [CONTEXT_HEADER]: carried.wire } : headers
}

function retryHeader({ retry }: CallOptions, task: string): Record<string, unknown> {
  if (retry === undefined) return {}
  const { max, kind, delay, maxDelay, jitter } = parseRetry(retry, `task ${task}`)
  return { [RETRY_HEADER]: { max, kind, delay, maxDelay, jitter } }
}

function etaOf({ eta, countdown }: CallOptions, now: number): Date | undefined {
  if (eta) return eta
  return countdown === undefined ? undefined : new Date(now + milliseconds(countdown, 'countdown'))
}

function expiresOf(expires: Date | Duration | undefined, now: number, task: string): Date | undefined {
  if (expires instanceof Date) requireDate(expires, `task ${task}: expires`)
  if (expires === undefined || expires instanceof Date) return expires
  return new Date(now + milliseconds(expires, `task ${task}: expires`))
}

function limitOf(limit: Duration | undefined, where: string): number | undefined {
  return limit === undefined ? undefined : milliseconds(limit, where)
}
