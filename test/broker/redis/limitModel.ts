import assert from 'node:assert/strict'
import { isLane, queueOfLane } from '../../../src/broker/lane.ts'
import { type Limiter, passing } from '../../../src/broker/limiter.ts'
import type { LimitRule, LimitState } from '../../../src/broker/limits.ts'
import { LIMITS_HEADER, type LimitUse, limitsHeader } from '../../../src/protocol/limits.ts'
import type { RedisBroker } from '../../../src/stores/redis/broker/broker.ts'
import { CLAIM_WITH_LANES } from '../../../src/stores/redis/broker/claimScript.ts'
import { readEnvelope } from '../../../src/stores/redis/broker/envelope.ts'
import { SETTLE, SWEEP } from '../../../src/stores/redis/broker/scripts.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { type Use, useOf } from '../../../src/testing/limitFixture.ts'
import { checkLayout } from './laneLayout.ts'

/* An oracle beside the scripts of Redis: what was published, who holds it, and what each limit then lets through. */

export const QUEUES = ['p', 'q'] as const

/** What messages need. Those of '' have no limits. */
export const NEEDS: readonly (readonly Use[])[] = [
  [],
  [['one', 'a']],
  [['one', 'b']],
  [['one', 'b'], 'all'],
  ['all', ['one', 'a']],
  ['all', ['one', 'b']],
  ['all'],
  [['all', '', 2]],
  [['rate', 'x']],
  [
    ['rate', 'x'],
    ['one', 'a'],
  ],
  [['rate', 'x', 2], 'all'],
  ['broken'],
]

export const RULES: readonly LimitRule[] = [
  { name: 'one', concurrency: 1 },
  { name: 'all', concurrency: 3 },
  { name: 'all', concurrency: 1 },
  { name: 'all', concurrency: 5 },
  { name: 'all' },
  { name: 'rate', rate: { interval: 10, burst: 2 } },
  { name: 'rate', rate: { interval: 4, burst: 5 }, concurrency: 2 },
  { name: 'broken', breaker: { failures: 2, within: 1000, pause: 8 } },
]
const FIRST_RULES = [0, 1, 5, 7]

interface Message {
  readonly id: string
  readonly queue: string
  readonly uses: readonly LimitUse[]
}

interface Held extends Message {
  readonly name: string
  /** Its lease has ended already. */
  readonly isLost: boolean
}

const LEASE_S = 1000
const VISIBILITY_S = 3600

export class LimitModel {
  readonly #broker: RedisBroker
  readonly #rules = new Map<string, LimitRule>()
  readonly #waiting = new Map<string, Message>()
  readonly #delayed = new Map<string, Message>()
  /** By tag. */
  readonly #held = new Map<string, Held>()
  /** When how much was taken of the rule `rate`, since it was defined, ms. */
  #taken: { readonly at: number; readonly before: number; readonly count: number }[] = []
  readonly #done = new Set<string>()
  #sent = 0
  #claims = 0

  constructor(broker: RedisBroker) {
    this.#broker = broker
  }

  async start(): Promise<void> {
    for (const at of FIRST_RULES) await this.define(at)
  }

  async define(at: number): Promise<void> {
    const rule = RULES[at % RULES.length] as LimitRule
    await this.#broker.limits.define([rule])
    this.#rules.set(rule.name, rule)
    if (rule.name === 'rate') this.#taken = []
  }

  async publish(queue: number, need: number, delay = 0): Promise<void> {
    const name = QUEUES[queue % QUEUES.length] as string
    const uses = (NEEDS[need % NEEDS.length] as readonly Use[]).map(useOf)
    const id = `${++this.#sent}`
    const envelope = envelopeOf(id)
    const headers = uses.length === 0 ? envelope.headers : { ...envelope.headers, [LIMITS_HEADER]: limitsHeader(uses) }
    const notBefore = delay > 0 ? Date.now() + delay : undefined
    ;(delay > 0 ? this.#delayed : this.#waiting).set(id, { id, queue: name, uses })
    await this.#broker.publish({ ...envelope, headers }, toQueue(name), { notBefore })
  }

  /** Take up to so many of a queue; `isLost`: with a lease that has ended. Returns how many. */
  async claim(queue: number, most: number, isLost = false): Promise<number> {
    const { connection, keys } = this.#broker
    const name = QUEUES[queue % QUEUES.length] as string
    const tags = `claim ${++this.#claims} `
    const offset = isLost ? -VISIBILITY_S - 1 : LEASE_S - VISIBILITY_S
    const before = Date.now()
    const answer = (await connection.script(
      CLAIM_WITH_LANES,
      [keys.unacked, keys.index, ...keys.lists(name)],
      [most, offset, tags, keys.prefix, this.#claims % 2, 1, name, ...keys.lists(name).map(() => name)],
    )) as (string | string[])[]
    let count = 0
    for (let at = 0; at < answer.length; at += 2) {
      const from = answer[at] as string
      if (from === '') continue
      for (const text of answer[at + 1] as string[]) this.#hold(`${tags}${++count}`, from, text, before, isLost)
    }
    assert.ok(count <= most, `took ${count}, expected at most ${most}`)
    await this.#checkHeld()
    return count
  }

  #hold(tag: string, name: string, text: string, before: number, isLost: boolean): void {
    const id = readEnvelope(text).envelope.properties.correlationId as string
    // A delayed one may have been returned to its lane meanwhile.
    const message = this.#waiting.get(id) ?? this.#delayed.get(id)
    assert.ok(message, `message ${id} was taken, and does not wait`)
    assert.equal(queueOfLane(name), message.queue)
    assert.equal(isLane(name), message.uses.length > 0)
    this.#waiting.delete(id)
    this.#delayed.delete(id)
    this.#held.set(tag, { ...message, name, isLost })
    for (const { rule, count } of message.uses) {
      if (rule === 'rate') this.#taken.push({ before, at: Date.now(), count })
    }
  }

  async settle(number: number, ending: 'ack' | 'requeue' | 'return'): Promise<void> {
    const tags = [...this.#held.keys()].filter((tag) => !this.#held.get(tag)?.isLost)
    const tag = tags[number % Math.max(1, tags.length)]
    if (tag === undefined) return
    const held = this.#held.get(tag) as Held
    const args = [this.#broker.keys.prefix, 1, tag, ending]
    assert.deepEqual(await this.#broker.connection.script(SETTLE, this.#broker.heldKeys, args), [1])
    this.#held.delete(tag)
    if (ending === 'ack') this.#done.add(held.id)
    else this.#waiting.set(held.id, held)
  }

  /** As Celery's worker returns a message whose holder has died. */
  async restore(number: number): Promise<void> {
    const { connection, keys } = this.#broker
    const lost = [...this.#held].filter(([, { isLost }]) => isLost)
    const [tag, held] = lost[number % Math.max(1, lost.length)] ?? []
    if (tag === undefined || !held) return
    const value = (await connection.command('HGET', keys.unacked, tag)) as string
    const text = JSON.stringify((JSON.parse(value) as unknown[])[0])
    await connection.command('ZREM', keys.index, tag)
    await connection.command('HDEL', keys.unacked, tag)
    await connection.command('RPUSH', keys.list(held.name), text)
    this.#held.delete(tag)
    this.#waiting.set(held.id, held)
    await this.sweep()
  }

  async sweep(): Promise<void> {
    const { connection, heldKeys, keys } = this.#broker
    for (let left = 1; left > 0; ) {
      const answer = await connection.script(SWEEP, heldKeys, [keys.prefix, VISIBILITY_S, 100])
      left = (answer as [number])[0]
    }
    for (const [tag, held] of this.#held) {
      if (!held.isLost) continue
      this.#held.delete(tag)
      this.#waiting.set(held.id, held)
    }
  }

  async stop(name: 'pause' | 'resume', need: number): Promise<void> {
    const [use] = NEEDS[need % NEEDS.length] ?? []
    if (use !== undefined) await this.#broker.limits[name](useOf(use))
  }

  async holdBack(need: number, wait: number): Promise<void> {
    const [use] = NEEDS[need % NEEDS.length] ?? []
    if (use !== undefined) await this.#broker.limits.holdBack(useOf(use), Date.now() + wait)
  }

  async report(ok: boolean): Promise<void> {
    await this.#broker.limits.report([{ rule: 'broken', key: '', ok }])
  }

  async take(number: number): Promise<void> {
    const waiting = [...this.#waiting.values()]
    const message = waiting[number % Math.max(1, waiting.length)]
    if (!message) return
    const delivery = await this.#broker.take(message.id, message.queue)
    assert.ok(delivery, `message ${message.id} waits, and is not found`)
    assert.equal(await delivery.ack(), true)
    this.#waiting.delete(message.id)
    this.#done.add(message.id)
  }

  async move(number: number): Promise<void> {
    const waiting = [...this.#waiting.values()]
    const message = waiting[number % Math.max(1, waiting.length)]
    if (!message) return
    const queue = message.queue === 'p' ? 'q' : 'p'
    assert.equal(await this.#broker.change(message.id, message.queue, () => ({ queue })), true)
    this.#waiting.set(message.id, { ...message, queue })
  }

  async purge(queue: number): Promise<void> {
    const name = QUEUES[queue % QUEUES.length] as string
    const ids = (await this.#broker.purge(name)).taskIds
    for (const id of ids) {
      assert.ok(this.#waiting.delete(id) || this.#delayed.delete(id), `${id} was dropped, and does not wait`)
      this.#done.add(id)
    }
    const left = [...this.#waiting.values()].filter((one) => one.queue === name)
    assert.deepEqual(left, [])
  }

  /** No more is held than the limits allow, and the store counts as the oracle does. */
  async #checkHeld(): Promise<void> {
    for (const [rule, key] of [
      ['one', 'a'],
      ['one', 'b'],
      ['all', ''],
      ['rate', 'x'],
      ['broken', ''],
    ] as const) {
      const [state] = await this.#broker.limits.states([{ rule, key }])
      assert.equal(state?.held, this.#heldOf(rule, key), `held of ${rule} ${key}`)
    }
    this.#checkRate()
  }

  #heldOf(rule: string, key: string): number {
    const uses = [...this.#held.values()].flatMap((one) => one.uses)
    return uses.filter((use) => use.rule === rule && use.key === key).reduce((sum, { count }) => sum + count, 0)
  }

  #checkRate(): void {
    const rate = this.#rules.get('rate')?.rate
    if (!rate) return
    for (const [from, first] of this.#taken.entries()) {
      let sum = 0
      for (const { at, count } of this.#taken.slice(from)) {
        sum += Math.min(count, rate.burst)
        const most = rate.burst + (at - first.before + 2) / rate.interval
        assert.ok(sum <= most, `${sum} of the rate within ${at - first.before} ms, expected at most ${most}`)
      }
    }
  }

  /** Take all that passes; then nothing waits that may pass, and what the store has fits together. */
  async rest(): Promise<void> {
    await this.#takeAll()
    await this.checkLayout()
    const passed = await this.#passable()
    if (passed.length === 0) return
    // Time has gone on meanwhile.
    const taken = await this.#takeAll()
    assert.ok(taken > 0, `these wait, and may pass: ${JSON.stringify(passed)}`)
  }

  async #takeAll(): Promise<number> {
    let sum = 0
    await this.sweep()
    for (let taken = 1; taken > 0; ) {
      taken = 0
      for (const queue of QUEUES.keys()) taken += await this.claim(queue, 7)
      sum += taken
    }
    return sum
  }

  /** Messages that wait though all of their limits let them through, and they are behind none that needs more. */
  async #passable(): Promise<Message[]> {
    const waiting = [...this.#waiting.values()]
    const blocks = await Promise.all(waiting.map(async (one) => [one, await this.#blockedBy(one)] as const))
    return blocks
      .filter(([one, by]) => by.length === 0 && !blocks.some(([other, names]) => isBehind(one, other, names)))
      .map(([one]) => one)
  }

  async #blockedBy({ uses }: Message): Promise<string[]> {
    const states = await this.#broker.limits.states(uses)
    return uses
      .filter(({ count }, at) => !passes(states[at] as LimitState, count))
      .map(({ rule, key }) => `${rule} ${key}`)
  }

  /** At the end: nothing limits any more, all is taken and settled once, and nothing is left behind. */
  async end(): Promise<void> {
    const { limits, connection, keys } = this.#broker
    await limits.define([...this.#rules.keys()].map((name) => ({ name })))
    this.#rules.clear()
    for (const need of NEEDS.keys()) await this.stop('resume', need)
    for (let tries = 0; this.#done.size < this.#sent; tries++) {
      await this.#takeAll()
      while (this.#held.size > 0) await this.settle(0, 'ack')
      assert.ok(tries < 400, `${this.#sent - this.#done.size} of ${this.#sent} do not come`)
      if (this.#done.size < this.#sent) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    for (let tries = 0; ; tries++) {
      await this.sweep()
      const left = ((await connection.command('KEYS', `${keys.prefix}celeriac.l*`)) as string[]).sort()
      const found = left.filter((key) => !/celeriac[.](lanes|lanes-turn|limits-clock)$/.test(key))
      if (found.length === 0) return
      assert.ok(tries < 400, `left behind: ${found.join(', ')}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async checkLayout(): Promise<void> {
    for (const queue of QUEUES) {
      await checkLayout(this.#broker, queue)
      const [listed, late] = [this.#waiting, this.#delayed].map(
        (all) => [...all.values()].filter((one) => one.queue === queue).length,
      )
      const size = await this.#broker.size(queue)
      const [least = 0, most = 0] = [listed, (listed ?? 0) + (late ?? 0)]
      assert.ok(size >= least && size <= most, `size ${size}, expected ${least} to ${most}`)
    }
  }
}

/** Something of the same limit, in the same queue, waits for more than there is. */
function isBehind(one: Message, other: Message, blocks: readonly string[]): boolean {
  if (one.queue !== other.queue) return false
  return one.uses.some(({ rule, key }) => blocks.includes(`${rule} ${key}`))
}

/** The number of what needs these limits, in this order. */
export function needOf(...uses: readonly Use[]): number {
  return NEEDS.findIndex((need) => JSON.stringify(need) === JSON.stringify(uses))
}

/** By what people see of the limit, as the store's clock is that of the test. */
function passes({ limit, held, paused, until = 0, breaker, rule }: LimitState, count: number): boolean {
  const limiter: Limiter = {
    full: 0,
    held,
    paused,
    until: 0,
    since: 0,
    isHalfOpen: breaker === 'half-open',
    failures: [],
  }
  if (until > Date.now()) return false
  // Of a bucket only whether one passes is known: of more, nothing is said.
  if (limit?.rate && count > 1) return false
  const { rate: _, ...rest } = limit ?? {}
  return passing(limiter, { name: rule, ...rest }, count, Date.now()).messages > 0
}
