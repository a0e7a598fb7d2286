import type { ConfirmChannel, Options } from 'amqplib'
import { longestContent, type Target, writeFrames } from './frames.ts'

/** The insides of amqplib 2 that are used here. */
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
  /** Another function, which throws, from the moment that the channel is to end. */
  readonly sendMessage: unknown
}

type Confirmed = (error: unknown) => void

/** Longest message that is written here: to copy a longer one twice costs more than it saves. */
const MAX_BATCHED_LENGTH = 16_384
/** A batch of this many characters is written at once. */
const MAX_BATCH_LENGTH = 65_536

/**
 * What goes out on a channel with confirmations: messages of one turn become one piece of bytes, and one packet. Where amqplib is not as
 * we know it, or a message is long or unusual, the library writes it itself, in the same order.
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

  /** Throws where the channel is closed, or the message cannot be written. `confirmed`: told of its confirmation, in the order of the calls or not. */
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

  /** To the library. */
  #leave(target: Target, properties: Options.Publish, body: string | Uint8Array, confirmed: Confirmed): void {
    this.#flush()
    const { exchange, routingKey, mandatory } = target
    const content =
      typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    this.#channel.publish(exchange, routingKey, content, { ...properties, mandatory }, confirmed)
  }

  #flush(): void {
    const gathered = this.#gathered
    this.#gathered = ''
    const insides = this.#insides
    // A channel that has ended told all that waited for a confirmation.
    if (gathered === '' || !insides || !this.#isOpen(insides)) return
    insides.connection.sentSinceLastCheck = true
    insides.connection.channels[insides.ch]?.buffer.write(Buffer.from(gathered, 'latin1'))
  }

  /** What comes behind the word that a channel ends, the server takes for another one's: it ends the connection. */
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
