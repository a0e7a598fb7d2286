import { namePart } from '../../std/id.ts'
import type { Topology } from './topology.ts'

/*
 * Delays in the broker. A delay is a number of ticks; for each of its one-bits the message waits in a queue whose
 * messages all expire after the same time, so that none waits behind another (a queue drops only expired messages at
 * its head). The bits are words of the routing key:
 *
 *   exchange celeriac.delay.27 ── *  1 * … ─▶ queue <q>.delayed.27 (2^27 ticks) ── dead letter ─▶ celeriac.delay.26
 *                              └─ *  0 * … ─▶ celeriac.delay.26 … ─▶ … ─▶ celeriac.delay ─▶ queue <q>.delayed
 *
 * All delays end with one tick in the queue <q>.delayed, whose dead letters go to the task queue by its name. Python
 * peers need no knowledge of this.
 */

/** Short enough not to be noticed, long enough that the steps themselves do not matter, ms. */
export const TICK_MS = 16
/**
 * 2^28 ticks are 49 days: about the longest time that RabbitMQ can count. A longer delay ends early, and the message is
 * delayed again.
 */
const LEVELS = 28
const MAX_TICKS = 2 ** LEVELS - 1
const EXCHANGE_PREFIX = 'celeriac.delay'
const PASSAGE_NAME = /\.delayed(?:\.\d+)?$|\.held\.[\da-f-]{36}$/
/** Bytes that remain of a routing key after the bits and the dots, and of a queue name after the suffix. */
const MAX_NAME_KEY_BYTES = 255 - 2 * LEVELS
const MAX_QUEUE_NAME_BYTES = 255 - '.delayed.27'.length

/** The route by which a message is delayed. */
export interface DelayRoute {
  readonly exchange: string
  readonly routingKey: string
}

/** True for a queue that messages only pass through: they are delayed there, or held for long (`HoldByCopy`). */
export function isPassage(name: string): boolean {
  return PASSAGE_NAME.test(name)
}

/** The queues in which messages for one task queue are delayed, the longest delay first. */
export function delayQueues(queue: string): string[] {
  return [...Array.from({ length: LEVELS }, (_, at) => levelQueue(queue, LEVELS - 1 - at)), lastQueue(queue)]
}

function levelQueue(queue: string, level: number): string {
  return `${namePart(queue, MAX_QUEUE_NAME_BYTES)}.delayed.${level}`
}

function lastQueue(queue: string): string {
  return `${namePart(queue, MAX_QUEUE_NAME_BYTES)}.delayed`
}

function exchangeOf(level: number): string {
  return level < 0 ? EXCHANGE_PREFIX : `${EXCHANGE_PREFIX}.${level}`
}

/** Declares the queues and exchanges of delays when they are needed, and returns the route of a delayed message. */
export class Delays {
  readonly #topology: Topology
  /** By task queue: the levels that are declared, or about to be. */
  readonly #made = new Map<string, Map<number, Promise<void>>>()
  /** This many exchanges, the lowest, are declared, or about to be; short delays need few. */
  #exchanges = 0
  #making: Promise<void> = Promise.resolve()

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** All may have been deleted: declare it again at the next use. */
  forget(): void {
    this.#made.clear()
    this.#exchanges = 0
  }

  /** The route for a message to this queue that is due in `wait` ms. */
  async route(queue: string, wait: number): Promise<DelayRoute> {
    const word = wordOf(queue)
    // The last step is one tick; rounded up, so that no message is early.
    const ticks = Math.min(MAX_TICKS, Math.max(0, Math.ceil(wait / TICK_MS) - 1))
    // The exchanges above the highest one-bit are skipped.
    const first = Math.max(0, Math.floor(Math.log2(Math.max(1, ticks))))
    await this.#makeExchanges(first)
    await this.#make(queue, word, -1)
    for (let level = 0; level <= first; level++) if (bitOf(ticks, level)) await this.#make(queue, word, level)
    const bits = Array.from({ length: LEVELS }, (_, at) => (bitOf(ticks, LEVELS - 1 - at) ? '1' : '0'))
    return { exchange: exchangeOf(first), routingKey: `${bits.join('.')}.${word}` }
  }

  /** Declare the exchanges of the levels up to this one. */
  #makeExchanges(level: number): Promise<void> {
    if (level + 2 <= this.#exchanges) return this.#making
    const from = this.#exchanges
    this.#exchanges = level + 2
    this.#making = this.#making.then(async () => {
      for (let next = from - 1; next <= level; next++) await this.#makeExchange(next)
    })
    this.#making.catch(() => {
      this.#exchanges = 0
      this.#making = Promise.resolve()
    })
    return this.#making
  }

  async #makeExchange(level: number): Promise<void> {
    const name = exchangeOf(level)
    await this.#topology.declare((channel) => channel.assertExchange(name, 'topic', { durable: true }))
    if (level < 0) return
    const pattern = `${'*.'.repeat(LEVELS - 1 - level)}0.#`
    await this.#topology.declare((channel) => channel.bindExchange(exchangeOf(level - 1), name, pattern))
  }

  #make(queue: string, word: string, level: number): Promise<void> {
    let made = this.#made.get(queue)
    if (!made) {
      made = new Map()
      this.#made.set(queue, made)
    }
    let one = made.get(level)
    if (!one) {
      one = this.#makeLevel(queue, word, level)
      made.set(level, one)
      one.catch(() => made.delete(level))
    }
    return one
  }

  async #makeLevel(queue: string, word: string, level: number): Promise<void> {
    const name = level < 0 ? lastQueue(queue) : levelQueue(queue, level)
    const next =
      level < 0
        ? { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue, 'x-message-ttl': TICK_MS }
        : { 'x-dead-letter-exchange': exchangeOf(level - 1), 'x-message-ttl': TICK_MS * 2 ** level }
    const kind = this.#topology.isQuorum(queue)
      ? // Each step is confirmed before the one before is dropped, because the task queue is replicated, too.
        { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }
      : {}
    await this.#topology.passage(name, { ...kind, ...next })
    const pattern =
      level < 0 ? `${'*.'.repeat(LEVELS)}${word}` : `${'*.'.repeat(LEVELS - 1 - level)}1.${'*.'.repeat(level)}${word}`
    await this.#topology.declare((channel) => channel.bindQueue(name, exchangeOf(level), pattern))
  }
}

function bitOf(ticks: number, level: number): boolean {
  return Math.floor(ticks / 2 ** level) % 2 === 1
}

/**
 * The queue's name as one word of a routing key: a dot would separate words, and `*` and `#` are special in a pattern.
 */
function wordOf(queue: string): string {
  return namePart(
    queue.replace(/[.*#%]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`),
    MAX_NAME_KEY_BYTES,
  )
}
