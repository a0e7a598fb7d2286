import fc from 'fast-check'
import { expect } from 'vitest'
import type { LimitRule } from '../../../src/broker/limits.ts'
import { LIMITS_HEADER, type LimitUse, limitsHeader } from '../../../src/protocol/limits.ts'
import type { Clock } from '../../../src/std/clock.ts'
import { LaneSweeper } from '../../../src/stores/sqlite/broker/laneSweeper.ts'
import { Lanes } from '../../../src/stores/sqlite/broker/lanes.ts'
import { Leases } from '../../../src/stores/sqlite/broker/leases.ts'
import { SqliteLimits } from '../../../src/stores/sqlite/broker/limits.ts'
import { type Hold, Messages } from '../../../src/stores/sqlite/broker/messages.ts'
import { Purge } from '../../../src/stores/sqlite/broker/purge.ts'
import { WaitingMessages } from '../../../src/stores/sqlite/broker/waitingMessages.ts'
import { SqliteFile } from '../../../src/stores/sqlite/file.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { Folder } from './folder.ts'
import { type Command, command, HOUR, LIMITS, NEEDS, QUEUES, type QueueName, RULES } from './limitCommands.ts'

/*
 * Limits on SQLite against an oracle: random commands on the statements of a store, by a clock that jumps. After each of
 * them a consumer that looks takes whatever its limits let through, and nothing else.
 */

/** As the oracle knows it. */
interface Message {
  readonly id: string
  queue: QueueName
  readonly uses: readonly LimitUse[]
  due: number
  hold: Hold | undefined
}

interface Oracle {
  rule: Omit<LimitRule, 'name'>
  paused: boolean
  until: number
  halfOpen: boolean
  /** What passed under this rule, by this clock. */
  passed: { at: number; count: number }[]
}

const nameOf = ({ rule, key }: { rule: string; key: string }): string => `${rule} ${key}`

class Model {
  readonly #file: SqliteFile
  readonly #lanes: Lanes
  readonly #messages: Messages
  readonly #limits: SqliteLimits
  readonly #leases: Leases
  readonly #sweeper: LaneSweeper
  readonly #waiting: WaitingMessages
  #now = 1_000_000_000_000
  #count = 0
  readonly #all: Message[] = []
  readonly #oracles = new Map<string, Oracle>()

  constructor(file: SqliteFile) {
    const clock: Clock = { now: () => this.#now, after: () => () => undefined }
    this.#file = file
    this.#lanes = new Lanes(file, clock)
    this.#messages = new Messages(file, clock, this.#lanes)
    this.#limits = new SqliteLimits(file, clock)
    this.#leases = new Leases(file.db)
    this.#sweeper = new LaneSweeper(file, clock)
    this.#waiting = new WaitingMessages(file, this.#messages, clock)
    for (const name of LIMITS)
      this.#oracles.set(nameOf(name), { rule: {}, paused: false, until: 0, halfOpen: false, passed: [] })
  }

  async run(commands: readonly Command[]): Promise<void> {
    for (const one of commands) {
      await this.#apply(one)
      await this.#check()
    }
    await this.#finish()
  }

  async #apply(one: Command): Promise<void> {
    switch (one.kind) {
      case 'publish':
        return this.#publish(one)
      case 'claim':
        await this.#claim(one.queue, one.places)
        return
      case 'settle':
        return this.#settle(one.how, one.which)
      case 'take':
        return this.#take(one.which)
      case 'move':
        return this.#move(one.which, one.queue)
      case 'purge':
        return this.#purge(one.queue)
      case 'define':
        return this.#define(one.rule, RULES[one.as] ?? {})
      case 'advance':
        return this.#advance(one.ms)
      case 'sweep':
        return this.#sweeper.sweep()
      default:
        return this.#decide(one)
    }
  }

  async #publish({ queue, needs, delay }: { queue: QueueName; needs: number; delay: number }): Promise<void> {
    const id = String(this.#count++)
    const uses = NEEDS[needs] ?? []
    const envelope = envelopeOf(id)
    const headers = { ...envelope.headers, [LIMITS_HEADER]: limitsHeader(uses) }
    const due = this.#now + delay
    await this.#write(() => this.#messages.publish({ ...envelope, headers }, toQueue(queue), { notBefore: due }))
    this.#all.push({ id, queue, uses, due: delay > 0 ? due : 0, hold: undefined })
  }

  async #claim(queue: QueueName, places: number): Promise<number> {
    const { rows, owner } = await this.#write(() => {
      this.#messages.promote(this.#now)
      for (const one of this.#all) if (one.due <= this.#now) one.due = 0
      const owner = this.#leases.register('model', 1000, this.#now)
      return { rows: this.#lanes.claim(queue, places, (lane, some) => this.#messages.claim(owner, lane, some)), owner }
    })
    expect(rows.length).toBeLessThanOrEqual(places)
    for (const { seq, claims, task_id: id, queue: lane } of rows) {
      const message = this.#all.find((one) => one.id === id)
      if (!message) throw new Error(`claimed ${id}, which is not there`)
      expect([message.hold, message.queue, message.due]).toEqual([undefined, queue, 0])
      for (const use of message.uses) {
        expect(this.#passes(use), `${JSON.stringify(use)} for ${id}`).toBe(true)
        this.#oracle(use).passed.push({ at: this.#now, count: use.count })
      }
      message.hold = { seq, owner, claims, lane }
    }
    return rows.length
  }

  async #settle(how: 'ack' | 'give' | 'lose', which: number): Promise<void> {
    const held = this.#all.filter(({ hold }) => hold)
    const message = held[which % held.length]
    if (!message?.hold) return
    const { hold } = message
    message.hold = undefined
    if (how === 'lose') {
      await this.#write(() => this.#leases.loseSome(hold.owner))
      for (const one of this.#all) if (one.hold?.owner === hold.owner) one.hold = undefined
      return
    }
    expect(await this.#write(() => (how === 'ack' ? this.#messages.ack(hold) : this.#messages.give(hold)))).toBe(true)
    if (how === 'ack') this.#all.splice(this.#all.indexOf(message), 1)
  }

  async #take(which: number): Promise<void> {
    const message = this.#freeOne(which)
    if (!message) return
    await this.#write(() => {
      const owner = this.#leases.register('model', 1000, this.#now)
      const row = this.#messages.take(owner, message.id)
      if (row) message.hold = { seq: row.seq, owner, claims: row.claims, lane: row.queue }
      message.due = 0
    })
    expect(message.hold).toBeDefined()
  }

  async #move(which: number, queue: QueueName): Promise<void> {
    const message = this.#freeOne(which)
    if (!message) return
    expect(await this.#write(() => this.#waiting.change(message.id, message.queue, () => ({ queue })))).toBe(true)
    message.queue = queue
  }

  async #purge(queue: QueueName): Promise<void> {
    const gone = this.#all.filter((one) => one.queue === queue && !one.hold)
    expect((await new Purge(this.#file, this.#messages, queue).run()).count).toBe(gone.length)
    for (const one of gone) this.#all.splice(this.#all.indexOf(one), 1)
  }

  async #define(name: string, rule: Omit<LimitRule, 'name'>): Promise<void> {
    await this.#limits.define([{ name, ...rule }])
    for (const [key, oracle] of this.#oracles)
      if (key.startsWith(`${name} `)) Object.assign(oracle, { rule, passed: [] })
  }

  #advance(ms: number): void {
    this.#now += ms
    // By a clock that was set back a limit may block for less than it would have, and counts from now on.
    if (ms < 0) for (const oracle of this.#oracles.values()) Object.assign(oracle, { passed: [], until: 0 })
  }

  async #decide(one: Extract<Command, { limit: number }>): Promise<void> {
    const name = LIMITS[one.limit] ?? { rule: 'a', key: '' }
    const oracle = this.#oracle(name)
    if (one.kind === 'pause' || one.kind === 'resume') {
      await this.#limits[one.kind](name)
      oracle.paused = one.kind === 'pause'
      return
    }
    if (one.kind === 'holdBack') {
      const until = this.#now + one.ms
      await this.#limits.holdBack(name, until)
      oracle.until = oracle.halfOpen ? Math.max(oracle.until, until) : until
      return
    }
    const changes = await this.#limits.report([{ ...name, ok: one.kind === 'succeed' }])
    for (const { state, until = 0 } of changes) {
      oracle.halfOpen = state !== 'closed'
      if (state === 'open') oracle.until = until
    }
  }

  /** Nothing that passes is overlooked: a consumer that looks takes all of it. */
  async #check(): Promise<void> {
    const states = await this.#limits.states(LIMITS)
    for (const state of states) expect(state.held, `held of ${nameOf(state)}`).toBe(this.#held(state))
    const open = new Set(states.flatMap((state) => (state.until === undefined ? nameOf(state) : [])))
    for (const queue of QUEUES) {
      // One that looks may find that nothing passes; one that sleeps must not oversleep.
      if (!this.#looks(queue)) expect(this.#passing(queue, open), `${queue} sleeps`).toEqual([])
    }
  }

  /** As a consumer decides whether a claim is worth its cost. */
  #looks(queue: QueueName): boolean {
    const next = this.#lanes.next()
    const { due } = this.#messages.outlook()
    return this.#lanes.hasOpen(queue) || (next ?? Infinity) <= this.#now || (due ?? Infinity) <= this.#now
  }

  /**
   * The ids of what waits in a queue and would pass, but where one that needs more of a limit comes before. `open`: the
   * limits whose bucket lets one through.
   */
  #passing(queue: QueueName, open: ReadonlySet<string>): string[] {
    const waiting = this.#all.filter((one) => one.queue === queue && !one.hold && one.due <= this.#now)
    const larger = waiting
      .flatMap(({ uses }) => uses)
      .filter((use) => use.count > 1 && (!this.#passes(use) || this.#oracle(use).rule.rate))
    const isBehind = (use: LimitUse): boolean => larger.some((one) => nameOf(one) === nameOf(use))
    const isFree = (use: LimitUse): boolean => open.has(nameOf(use)) && this.#passes(use) && !isBehind(use)
    return waiting.filter(({ uses }) => uses.every(isFree)).map(({ id }) => id)
  }

  #passes(use: LimitUse): boolean {
    const { rule, paused, until, halfOpen, passed } = this.#oracle(use)
    const held = this.#held(use)
    if (paused || until > this.#now) return false
    const { concurrency, rate, breaker } = rule
    if (halfOpen && breaker) return held === 0
    if (concurrency !== undefined && held + Math.min(use.count, concurrency) > concurrency) return false
    if (!rate) return true
    const all = [...passed, { at: this.#now, count: use.count }]
    return all.every(({ at }, index) => {
      const sum = all.slice(index).reduce((total, { count }) => total + Math.min(count, rate.burst), 0)
      return sum <= rate.burst + (this.#now - at) / rate.interval + 1e-4
    })
  }

  #held(name: { rule: string; key: string }): number {
    const uses = this.#all.flatMap(({ hold, uses }) => (hold ? uses : []))
    return uses.filter((use) => nameOf(use) === nameOf(name)).reduce((sum, { count }) => sum + count, 0)
  }

  #oracle(name: { rule: string; key: string }): Oracle {
    return this.#oracles.get(nameOf(name)) as Oracle
  }

  #freeOne(which: number): Message | undefined {
    const free = this.#all.filter(({ hold }) => !hold)
    return free[which % free.length]
  }

  /** All is resumed, and what is taken is settled: everything comes, and nothing stays. */
  async #finish(): Promise<void> {
    for (const name of LIMITS) {
      await this.#limits.resume(name)
      await this.#limits.report([{ ...name, ok: true }])
    }
    for (const rule of ['a', 'b', 'c']) await this.#define(rule, { concurrency: 2, rate: { interval: 10, burst: 2 } })
    for (const oracle of this.#oracles.values()) Object.assign(oracle, { paused: false, halfOpen: false })
    for (let round = 0; this.#all.length > 0; round++) {
      if (round > 1000) throw new Error(`left: ${JSON.stringify(this.#all)}`)
      while (this.#all.some(({ hold }) => hold)) await this.#settle('ack', 0)
      for (const queue of QUEUES) if (this.#looks(queue)) await this.#claim(queue, 3)
      await this.#check()
      // What is delayed may be hours ahead: the clock was set back.
      this.#advance(round > 100 ? HOUR : 5)
    }
    for (const times of [1, 2, 3]) {
      this.#advance(2 * HOUR * times)
      await this.#sweeper.sweep()
    }
    const count = (table: string): unknown => this.#file.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    expect(['celeriac_lane', 'celeriac_lane_limit', 'celeriac_message'].map(count)).toEqual([0, 0, 0])
    expect(this.#file.db.prepare('SELECT * FROM celeriac_limiter WHERE half_open = 0').all()).toEqual([])
  }

  #write<Value>(work: () => Value): Promise<Value> {
    return this.#file.writer.write(work)
  }
}

/** Throws with the shortest commands that fail. */
export async function checkLimits(numRuns: number, seed?: number): Promise<void> {
  const property = fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 60 }), async (commands) => {
    const folder = new Folder()
    const file = new SqliteFile(folder.file())
    try {
      await new Model(file).run(commands)
    } finally {
      await file.close()
      folder.remove()
    }
  })
  await fc.assert(property, { numRuns, ...(seed !== undefined && { seed }) })
}
