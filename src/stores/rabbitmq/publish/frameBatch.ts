import type { ConfirmChannel, Options } from 'amqplib'
import { longestContent, portable, type Target, writeFrames } from './frames.ts'

/** Internal members of amqplib 2 that are used here. */
interface Insides {
  readonly ch: number
  readonly connection: {
    readonly frameMax: number
    readonly channels: readonly ({
      readonly channel: unknown
      readonly buffer: { write(chunk: Buffer): boolean }
    } | null)[]
    sentSinceLastCheck: boolean
  }
  pushConfirmCallback(confirmed: Confirmed): void
  /** Replaced by another function, which throws, from the moment that the channel is to end. */
  readonly sendMessage: unknown
}

type Confirmed = (error: unknown) => void

/** Longest message that is written here: to copy a longer one twice costs more than it saves. */
const MAX_BATCHED_LENGTH = 16_384
/** A batch of this many characters is written at once. */
const MAX_BATCH_LENGTH = 65_536

/**
 * The output of a channel with confirmations: messages of one turn of the event loop become one buffer, and one packet.
 * If amqplib has other internals than expected, or a message is long or unusual, the library writes it itself, in the
 * same order.
 */
export class FrameBatch {
  readonly #channel: ConfirmChannel
  readonly #insides: Insides | undefined
  readonly #most: number
  readonly #sendMessage: unknown
  #gathered = ''

  constructor(channel: ConfirmChannel) {
    this.#channel = channel
    this.#insides = insidesOf(channel)
    this.#sendMessage = this.#insides?.sendMessage
    this.#most = Math.min(MAX_BATCHED_LENGTH, longestContent(this.#insides?.connection.frameMax ?? 0))
  }

  /**
   * Throws where the channel is closed, or the message cannot be written. `confirmed`: called with its confirmation,
   * not necessarily in the order of the messages.
   */
  write(target: Target, properties: Options.Publish, body: string | Uint8Array, confirmed: Confirmed): void {
    const insides = this.#insides
    const frames = insides && this.#isOpen(insides) && writeFrames(insides.ch, target, properties, body, this.#most)
    if (!frames) {
      this.#leave(target, properties, body, confirmed)
      return
    }
    insides.pushConfirmCallback(confirmed)
    if (this.#gathered === '') setImmediate(() => this.#flush())
    this.#gathered += frames
    if (this.#gathered.length >= MAX_BATCH_LENGTH) this.#flush()
  }

  /** Leave it to the library. */
  #leave(target: Target, properties: Options.Publish, body: string | Uint8Array, confirmed: Confirmed): void {
    this.#flush()
    const { exchange, routingKey, mandatory } = target
    const content =
      typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const headers = portable(properties.headers)
    this.#channel.publish(exchange, routingKey, content, { ...properties, headers, mandatory }, confirmed)
  }

  #flush(): void {
    const gathered = this.#gathered
    this.#gathered = ''
    const insides = this.#insides
    // If the channel has ended, all callers that waited for a confirmation have an answer.
    if (gathered === '' || !insides || !this.#isOpen(insides)) return
    insides.connection.sentSinceLastCheck = true
    insides.connection.channels[insides.ch]?.buffer.write(Buffer.from(gathered, 'latin1'))
  }

  /** After the method that ends a channel, the server takes any further frame for an error: it ends the connection. */
  #isOpen(insides: Insides): boolean {
    return insides.sendMessage === this.#sendMessage && insides.connection.channels[insides.ch]?.channel === insides
  }
}

function insidesOf(channel: ConfirmChannel): Insides | undefined {
  const { ch, connection, pushConfirmCallback, sendMessage } = channel as unknown as Partial<Insides>
  const known =
    typeof ch === 'number' &&
    typeof pushConfirmCallback === 'function' &&
    typeof sendMessage === 'function' &&
    typeof connection?.frameMax === 'number' &&
    typeof connection.channels?.[ch]?.buffer?.write === 'function'
  return known ? (channel as unknown as Insides) : undefined
}
