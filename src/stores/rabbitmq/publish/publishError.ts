import { ConfigError, EncodeError, type StoreUnavailableError } from '../../../std/errors.ts'
import { replyCodeOf } from '../topology.ts'
import type { Target } from './frames.ts'
import type { SizeLimit } from './sizeLimit.ts'

const ACCESS_REFUSED = 403
const NOT_FOUND = 404
const PRECONDITION_FAILED = 406

/** The default exchange as the server's messages name it. */
const DEFAULT_EXCHANGE = 'amq.default'

/** The server closed a channel because of one message, and with it all others that were not confirmed yet. */
export interface PublishRefusal {
  /** Why this message was refused; undefined where it was not, or where the server's text does not identify it. */
  problemOf(target: Target, size: number): Error | undefined
  /** The error of the refused message, where the text does not name which one it is. */
  readonly error: Error
}

/**
 * Read why the server closed a channel of publishing. Undefined where that was not because of a message. `away`: the
 * same reason as an error that may pass: for an exchange that is gone, and for the right to send to queues, because
 * that concerns every message.
 */
export function refusalOf(
  reason: Error | undefined,
  sizes: SizeLimit,
  away: StoreUnavailableError,
): PublishRefusal | undefined {
  if (!reason) return undefined
  const code = replyCodeOf(reason)
  if (code === PRECONDITION_FAILED) {
    sizes.heard(reason.message)
    const error = new EncodeError(`RabbitMQ: the server refuses the message: ${reason.message}`, { cause: reason })
    return { problemOf: (_target, size) => sizes.problem(size), error }
  }
  if (code !== ACCESS_REFUSED && code !== NOT_FOUND) return undefined
  const [, exchange] = /exchange '([^']*)'/.exec(reason.message) ?? []
  const problemOf = (target: Target): Error | undefined => {
    if (exchange !== (target.exchange || DEFAULT_EXCHANGE)) return undefined
    return code === ACCESS_REFUSED && target.exchange !== '' ? forbidden(target.exchange, reason) : away
  }
  return { problemOf, error: away }
}

function forbidden(exchange: string, reason: Error): ConfigError {
  const expected = `expected a user that may write to the exchange ${exchange} (rabbitmqctl set_permissions)`
  return new ConfigError(`RabbitMQ: ${expected}; the server says: ${reason.message}`, { cause: reason })
}
