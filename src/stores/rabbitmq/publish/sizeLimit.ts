import { PayloadTooLargeError } from '../../../std/errors.ts'

/** The server's text when it closes a channel because of a message's size. */
const SIZE_ERROR = /message size (\d+) (?:is )?larger than (?:configured )?max size (\d+)/
/**
 * A message up to this size needs no proof that the server accepts it, bytes: hardly any server has a smaller limit.
 */
const MIN_LIMIT_BYTES = 16_384

/**
 * The longest message that the server takes (RabbitMQ's `max_message_size`), as far as one connection knows it. The
 * server never announces its limit: it closes the channel on which a longer message came, and reports size and limit
 * then.
 */
export class SizeLimit {
  #limit: number | undefined
  #proven = MIN_LIMIT_BYTES

  /** For a new connection: the limit may be different. */
  forget(): void {
    this.#limit = undefined
    this.#proven = MIN_LIMIT_BYTES
  }

  /** Why a body of this many bytes is not sent; undefined where it may be. */
  problem(size: number): PayloadTooLargeError | undefined {
    if (this.#limit === undefined || size <= this.#limit) return undefined
    return new PayloadTooLargeError(
      `RabbitMQ: expected a message of at most ${this.#limit} bytes (max_message_size of the server), got ${size}`,
      size,
      this.#limit,
    )
  }

  /** True where the limit is not known, and the server has not taken a message of this size before. */
  isUnproven(size: number): boolean {
    return size > this.#proven && this.#limit === undefined
  }

  /** The server has taken a message of this size. */
  confirmed(size: number): void {
    if (size > this.#proven) this.#proven = size
  }

  /** The server closed a channel with this text. True where it names its limit. */
  heard(words: string): boolean {
    const [, , limit] = SIZE_ERROR.exec(words) ?? []
    if (limit === undefined) return false
    this.#limit = Number(limit)
    return true
  }
}
