import { dueSince } from '../../broker/backlog.ts'
import { wholeOf } from '../../calls/dead/info.ts'
import { calledTask, type Envelope } from '../../protocol/envelope.ts'
import { errorInfo } from '../../protocol/exception.ts'
import { decodeTask } from '../../protocol/message.ts'
import { concealedCall } from '../../protocol/repr.ts'
import { ALL_CONTENT_TYPES } from '../../protocol/serializer.ts'
import { ArgumentError, NotSupportedError } from '../../std/errors.ts'
import { requireText, shown } from '../../std/validate.ts'
import { namesOf } from '../../tasks/bind.ts'
import type { App } from '../app.ts'
import { type AppInternals, internalsOf } from '../internals.ts'

/** A message that waits in a queue. */
export interface QueueMessage {
  /** Of its task; undefined for a message without one. */
  readonly id: string | undefined
  readonly task: string | undefined
  /** Texts of the arguments, as the sender made them: at most 1024 characters. */
  readonly argsrepr: string | undefined
  readonly kwargsrepr: string | undefined
  readonly retries: number | undefined
  readonly priority: number
  /** ISO 8601, as the message has it. */
  readonly eta: string | undefined
  readonly expires: string | undefined
  /** `pid@host` of the program that sent it. */
  readonly origin: string | undefined
  /** Since when it could have run; undefined where neither id nor eta says it, as Python's do not. */
  readonly since: Date | undefined
  /** Size of its body. */
  readonly bytes: number
  readonly contentType: string
  /** What it holds; absent unless that was asked for. */
  readonly content?: MessageContent
}

export interface MessageContent {
  readonly headers: Readonly<Record<string, unknown>>
  /** Without what its task calls `sensitive`; absent where the message cannot be read: `problem` says why. */
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly problem?: string
}

export interface PeekOptions {
  /** At most so many. Default 20, at most 100. */
  readonly limit?: number | undefined
  /** Also headers and arguments, opened. Default false. */
  readonly contents?: boolean | undefined
}

const DEFAULT_LIMIT = 20
export const MAX_PEEKED = 100
const MAX_TEXT = 1024

/**
 * The messages of a queue that are served next, without taking them. Rejects with NotSupportedError on RabbitMQ, with
 * ArgumentError, and with StoreUnavailableError.
 */
export async function peekQueue(
  app: App,
  queue: string,
  { limit = DEFAULT_LIMIT, contents = false }: PeekOptions = {},
): Promise<readonly QueueMessage[]> {
  requireText(queue, 'queue')
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PEEKED)
    throw new ArgumentError(`limit: expected a whole number from 1 to ${MAX_PEEKED}, got ${shown(limit)}`)
  const internals = internalsOf(app)
  const { broker } = await internals.stores()
  if (!broker.peek)
    throw new NotSupportedError(
      `${broker.url} shows a message only to a consumer: to take it and put it back would mark it as redelivered, and count as a delivery`,
    )
  const found = await broker.peek(queue, limit)
  return Promise.all(
    found.map(async (envelope) => ({
      ...messageOf(envelope),
      ...(contents && { content: await contentOf(envelope, internals) }),
    })),
  )
}

function messageOf(envelope: Envelope): QueueMessage {
  const { headers, properties, body } = envelope
  const { id, eta, expires, retries, origin } = headers
  const since = dueSince(id, eta)
  return {
    id: calledTask(envelope) ?? textOf(id),
    task: textOf(headers.task),
    argsrepr: textOf(headers.argsrepr),
    kwargsrepr: textOf(headers.kwargsrepr),
    retries: typeof retries === 'number' ? retries : undefined,
    priority: properties.priority ?? 0,
    eta: textOf(eta),
    expires: textOf(expires),
    origin: textOf(origin),
    since: since === undefined ? undefined : new Date(since),
    bytes: Buffer.byteLength(body),
    contentType: properties.contentType,
  }
}

/** Any client may write anything there. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined
}

async function contentOf(envelope: Envelope, app: AppInternals): Promise<MessageContent> {
  const { headers } = envelope
  try {
    const { args, kwargs } = decodeTask(await wholeOf({ envelope }, await app.stores()), ALL_CONTENT_TYPES)
    const definition = typeof headers.task === 'string' ? app.definition(headers.task) : undefined
    const sensitive = definition?.options.sensitive
    return {
      headers,
      ...(sensitive ? concealedCall({ args, kwargs }, sensitive, namesOf(definition)) : { args, kwargs }),
    }
  } catch (error) {
    const { type, message } = errorInfo(error)
    return { headers, problem: `${type}: ${message}` }
  }
}
