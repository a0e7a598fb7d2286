import type { AppInternals } from '../app/internals.ts'
import type { Broker, Consumer } from '../broker/broker.ts'
import {
  type ControlRequest,
  controlRequest,
  REPLY_EXCHANGE,
  type ReplyTo,
  readReply,
  replyQueue,
} from '../protocol/control.ts'
import { waitOf } from '../protocol/controlCommands.ts'
import type { LogicalClock } from '../protocol/logicalClock.ts'
import { ALL_CONTENT_TYPES, deserialize } from '../protocol/serializer.ts'
import { withDeadline } from '../std/deadline.ts'
import { type Duration, milliseconds } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import type { StopSignal } from '../std/stopSignal.ts'
import { refuseUnknown, requireObject, requireText, shown } from '../std/validate.ts'
import type { ControlReply } from './replies.ts'

/** Which workers are asked, and how long their answers are awaited. */
export interface ControlOptions {
  /** Host names of the workers that are meant. Default: all. */
  destination?: readonly string[] | undefined
  /** Host names that are meant, as `celery@web-*`. Default: all. */
  pattern?: string | undefined
  /** How the pattern is read. `pcre`, a regular expression, is for workers of Celery alone. Default `'glob'`. */
  matcher?: 'glob' | 'pcre' | undefined
  /** Longest wait for the next answer. Default `'1s'`, for `where` `'3s'`. */
  timeout?: Duration | undefined
  /** The wait ends with so many answers. Default: as many as `destination` names, else no limit. */
  limit?: number | undefined
}

/** Checked, the wait in ms; undefined: as the command needs. */
export interface ParsedControlOptions extends Omit<ControlOptions, 'timeout'> {
  readonly wait: number | undefined
}

/** What is needed of an app. */
type Asker = Pick<AppInternals, 'stores' | 'config' | 'logicalClock'>

type Command = Pick<ControlRequest, 'method' | 'arguments'>

const OPTIONS: ReadonlySet<string> = new Set(['destination', 'pattern', 'matcher', 'timeout', 'limit'])

/** Throws ArgumentError. */
export function parseControlOptions(options: ControlOptions): ParsedControlOptions {
  requireObject(options, 'remote control', 'an object of options')
  refuseUnknown(options, OPTIONS, 'remote control')
  const { destination, pattern, matcher = 'glob', timeout, limit } = options
  if (destination !== undefined && !Array.isArray(destination))
    throw new ArgumentError(`destination: expected a list of host names, got ${shown(destination)}`)
  for (const name of destination ?? []) requireText(name, 'destination')
  if (pattern !== undefined) requireText(pattern, 'pattern')
  if (matcher !== 'glob' && matcher !== 'pcre')
    throw new ArgumentError(`matcher: expected 'glob' or 'pcre', got ${shown(matcher)}`)
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1))
    throw new ArgumentError(`limit: expected a whole number >= 1, got ${shown(limit)}`)
  const wait = timeout === undefined ? undefined : milliseconds(timeout, 'timeout')
  return { destination, pattern, matcher, wait, limit }
}

/** Send a command to workers, without waiting for answers. Rejects with StoreUnavailableError. */
export async function send(app: Asker, command: Command, options: ParsedControlOptions): Promise<void> {
  const { config, logicalClock } = app
  const { broker } = await app.stores()
  const { envelope, route } = requestOf(command, options, { now: config.clock.now(), logicalClock })
  await broker.publish(envelope, route)
}

/**
 * Ask workers. Their number is not known: the wait ends with `limit` answers, or as many as were named, or when none
 * comes for a while, or when `ended` aborts. Rejects with StoreUnavailableError.
 */
export async function ask(
  app: Asker,
  command: Command,
  options: ParsedControlOptions,
  ended?: StopSignal,
): Promise<ControlReply[]> {
  const { config, logicalClock } = app
  const { broker } = await app.stores()
  // An address for this request alone: no other's answers come there, so the ticket need not be looked at.
  const oid = uuid()
  const replyTo: ReplyTo = { exchange: REPLY_EXCHANGE, routingKey: oid }
  const consumer = await listen(broker, replyTo)
  const close = (): void => void consumer.close().catch(() => undefined)
  ended?.addEventListener('abort', close)
  try {
    const from = { now: config.clock.now(), logicalClock }
    const { envelope, route } = requestOf({ ...command, ticket: oid, replyTo }, options, from)
    await broker.publish(envelope, route)
    return await collect(consumer, { ...options, wait: waitOf(command.method, options.wait) }, logicalClock)
  } finally {
    ended?.removeEventListener('abort', close)
    // Where the store is unavailable the queue expires by itself: the answers count.
    await consumer.release().catch(() => undefined)
  }
}

function requestOf(
  command: Command & Pick<ControlRequest, 'ticket' | 'replyTo'>,
  { destination, pattern, matcher, wait }: ParsedControlOptions,
  { now, logicalClock }: { readonly now: number; readonly logicalClock: LogicalClock },
): ReturnType<typeof controlRequest> {
  const expires = (now + waitOf(command.method, wait)) / 1000
  const meant = { destination, ...(pattern !== undefined && { pattern, matcher }) }
  return controlRequest({ ...command, ...meant }, { clock: logicalClock.forward(), expires })
}

/** Before the command is sent: a fast answer would find no consumer. */
function listen(broker: Broker, { exchange, routingKey }: ReplyTo): Promise<Consumer> {
  const bindings = [{ exchange, kind: 'direct', routingKey }] as const
  const queue = { name: replyQueue(routingKey), bindings, transient: true }
  return broker.consume([queue], { prefetch: 100, name: `control@${routingKey}` })
}

async function collect(
  consumer: Consumer,
  {
    wait,
    destination,
    limit = destination?.length ?? Number.POSITIVE_INFINITY,
  }: ParsedControlOptions & { readonly wait: number },
  logicalClock: LogicalClock,
): Promise<ControlReply[]> {
  const replies: ControlReply[] = []
  const deliveries = consumer[Symbol.asyncIterator]()
  while (replies.length < limit) {
    const step = await withDeadline(deliveries.next(), wait, () => undefined)
    if (!step || step.done) break
    const { headers, properties, body } = step.value.envelope
    await step.value.ack()
    logicalClock.adjust(headers.clock)
    replies.push(readReply(deserialize(body, properties.contentType, properties.contentEncoding, ALL_CONTENT_TYPES)))
  }
  return replies
}
