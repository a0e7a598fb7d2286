import type { Broker } from '../broker/broker.ts'
import type { LimitRule, LimitStore } from '../broker/limits.ts'
import { LIMITS_HEADER, type LimitUse, limitsHeader } from '../protocol/limits.ts'
import type { OpenedBroker, Place } from './brokerFixture.ts'
import { envelopeOf, toQueue } from './factories.ts'

/** A store with limits, whose broker can be left as by a process that dies. */
export interface OpenedLimits extends OpenedBroker {
  /**
   * Take one message of the queue by a consumer that dies: its lease ends, and the message is not settled.
   * Resolves when the message may be taken again. Absent where the store cannot be treated so.
   */
  readonly loseOne?: ((queue: string) => Promise<void>) | undefined
}

/** What a case of limits works with. */
export interface LimitPlace extends Place {
  readonly limits: LimitStore
  readonly loseOne: OpenedLimits['loseOne']
  /** Send messages with these ids, in this order, that have these limits. */
  limited(queue: string, ids: readonly string[], uses: readonly Use[], options?: SendOptions): Promise<void>
}

export type LimitCase = (title: string, body: (place: LimitPlace) => Promise<void>) => void

/** A limit: a rule, with a key, and how much of it. */
export type Use = string | readonly [rule: string, key: string, count?: number]

interface SendOptions {
  readonly priority?: number
  readonly notBefore?: number
}

export function limitPlaceOf(opened: OpenedLimits, place: Place): LimitPlace {
  const { limits } = place.broker
  if (!limits) throw new TypeError('expected a broker with limits')
  return {
    ...place,
    limits,
    loseOne: opened.loseOne,
    limited: async (queue, ids, uses, options) => {
      for (const id of ids) await sendLimited(place.broker, queue, id, uses, options)
    },
  }
}

/** Send a message with limits. */
export function sendLimited(
  broker: Broker,
  queue: string,
  id: string,
  uses: readonly Use[],
  { priority, notBefore }: SendOptions = {},
): Promise<void> {
  const envelope = envelopeOf(id, priority === undefined ? {} : { priority })
  const headers = { ...envelope.headers, [LIMITS_HEADER]: limitsHeader(uses.map(useOf)) }
  return broker.publish({ ...envelope, headers }, toQueue(queue), { notBefore })
}

export function useOf(use: Use): LimitUse {
  if (typeof use === 'string') return { rule: use, key: '', count: 1 }
  const [rule, key, count = 1] = use
  return { rule, key, count }
}

/** So many at once. */
export function atOnce(name: string, concurrency: number): LimitRule {
  return { name, concurrency }
}

/** How much of a limit without keys is held. */
export async function heldOf(limits: LimitStore, rule: string, key = ''): Promise<number> {
  const [state] = await limits.states([{ rule, key }])
  return state?.held ?? 0
}

/** So many ids that begin with this name. */
export function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name}${at + 1}`)
}
