import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { type Limiter, passing } from '../../../src/broker/limiter.ts'
import type { LimitRule } from '../../../src/broker/limits.ts'
import { LaneClaims, returning, returningStep } from '../../../src/stores/postgres/broker/lanes.ts'
import { register } from '../../../src/stores/postgres/broker/leases.ts'
import { sendLimited, type Use, useOf } from '../../../src/testing/limitFixture.ts'
import { emptySchema } from '../../postgres/shared.ts'
import { openDatabase, StandalonePostgresBroker } from '../../postgres/standalone.ts'
import { runs } from '../../tier.ts'

/* Limits of PostgreSQL against the arithmetic of broker/limiter.ts, by a clock that the test moves. */

const QUEUES = ['q1', 'q2'] as const
const RULES = ['at once', 'often', 'both', 'none'] as const
/** A message needs one of these. */
const NEEDS: readonly (readonly Use[])[] = [
  [['at once', 'a']],
  [['at once', 'b', 2]],
  [
    ['at once', 'a', 2],
    ['often', 'x'],
  ],
  [['often', 'x']],
  [['often', 'y', 3]],
  [
    ['both', ''],
    ['at once', 'a'],
  ],
  [['both', '', 2]],
  [['none', 'n']],
  [
    ['none', 'n'],
    ['both', ''],
  ],
]
const SECOND = 1000

type Command =
  | { readonly kind: 'send'; readonly queue: string; readonly need: number; readonly count: number }
  | { readonly kind: 'claim'; readonly queue: string; readonly wanted: number }
  | { readonly kind: 'end'; readonly at: number; readonly back: boolean; readonly byTrigger: boolean }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'pause' | 'resume'; readonly need: number }
  | { readonly kind: 'hold'; readonly need: number; readonly ms: number }
  | { readonly kind: 'define'; readonly rule: LimitRule }
  | { readonly kind: 'quiet' }

const queue = fc.constantFrom(...QUEUES)
const need = fc.nat(NEEDS.length - 1)
const rule: fc.Arbitrary<LimitRule> = fc.record({
  name: fc.constantFrom(...RULES.slice(0, 3)),
  concurrency: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  rate: fc.option(
    fc.record({ interval: fc.constantFrom(10 * SECOND, 60 * SECOND), burst: fc.integer({ min: 1, max: 4 }) }),
    { nil: undefined },
  ),
})
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('send' as const), queue, need, count: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), queue, wanted: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      at: fc.nat(50),
      back: fc.boolean(),
      byTrigger: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 90 * SECOND }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const), need }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('hold' as const), need, ms: fc.integer({ min: 1, max: 60 * SECOND }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('define' as const), rule }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'quiet' as const }) },
)

interface StoredLimiter extends Limiter {
  readonly id: number
  readonly rule: string
}

/** A schema, and what is done to it. */
class Model {
  now = 1_000_000_000_000
  readonly #broker: StandalonePostgresBroker
  readonly #claims = new LaneClaims()
  readonly #rules = new Map<string, LimitRule>()
  readonly #consumer: number
  #sent = 0
  #taken = 0

  private constructor(url: string, consumer: number) {
    this.#consumer = consumer
    const clock = { now: () => this.now, after: () => () => undefined }
    this.#broker = new StandalonePostgresBroker(url, { lease: 3_600_000, clock })
  }

  static async open(): Promise<Model> {
    const url = await emptySchema()
    const database = openDatabase(url)
    const model = new Model(url, await register(database, 'test', 3_600_000))
    await database.close()
    await model.run({ kind: 'define', rule: { name: 'at once', concurrency: 2 } })
    await model.run({ kind: 'define', rule: { name: 'often', rate: { interval: 10 * SECOND, burst: 3 } } })
    return model
  }

  /** How often something was taken of a limit. */
  get taken(): number {
    return this.#taken
  }

  close(): Promise<void> {
    return this.#broker.close()
  }

  async run(command: Command): Promise<void> {
    const { limits } = this.#broker
    switch (command.kind) {
      case 'send':
        for (let at = 0; at < command.count; at++)
          await sendLimited(this.#broker, command.queue, `m${++this.#sent}`, NEEDS[command.need] ?? [])
        break
      case 'claim':
        await this.#claim([command.queue], command.wanted)
        break
      case 'end':
        await this.#end(command.at, command.back, command.byTrigger)
        break
      case 'advance':
        this.now += command.ms
        break
      case 'pause':
      case 'resume':
        await limits[command.kind](this.#nameOf(command.need))
        break
      case 'hold':
        await limits.holdBack(this.#nameOf(command.need), this.now + command.ms)
        break
      case 'define':
        this.#rules.set(command.rule.name, command.rule)
        await limits.define([command.rule])
        break
      case 'quiet':
        for (let rounds = 0; await this.#claim([...QUEUES], 5); rounds++) expect(rounds).toBeLessThan(200)
        await this.#nothingStaysBack()
    }
    await this.#check()
  }

  #nameOf(need: number) {
    const [use = 'none'] = NEEDS[need] ?? []
    return useOf(use)
  }

  async #sql(text: string, values: readonly (string | number)[] = []): Promise<(readonly (string | null)[])[]> {
    const [rows = []] = await this.#broker.database.run([{ statement: { name: '', text }, values }])
    return rows
  }

  /** True where there is more to claim. What is claimed passes, by the limits as they were before. */
  async #claim(queues: readonly string[], wanted: number): Promise<boolean> {
    const before = await this.#limiters()
    const step = this.#claims.step(this.#consumer, queues, wanted, this.now)
    const [rows = []] = await this.#broker.database.run([step])
    const { messages, more } = this.#claims.read(rows, this.now)
    expect(messages.length).toBeLessThanOrEqual(wanted)
    await this.#checkTaken(before, messages.map(({ seq }) => seq).join())
    return more
  }

  async #checkTaken(before: ReadonlyMap<number, StoredLimiter>, seqs: string): Promise<void> {
    const taken = await this.#sql(`SELECT u.limiter, count(*), sum(u.count), sum(least(u.count, r.burst))
      FROM celeriac.claim c JOIN celeriac.lane l ON l.id = c.lane CROSS JOIN unnest(l.limiters, l.counts) AS u (limiter, count)
      JOIN celeriac.limiter m ON m.id = u.limiter LEFT JOIN celeriac.limit_rule r ON r.name = m.rule
      WHERE c.seq = ANY ('{${seqs}}') GROUP BY u.limiter`)
    for (const [id, messages, count, tokens] of taken) {
      const limiter = before.get(Number(id)) as StoredLimiter
      const { concurrency, rate } = this.#rules.get(limiter.rule) ?? { name: '' }
      const isAlone = limiter.held === 0 && Number(messages) === 1
      expect({ limiter, passed: !limiter.paused && limiter.until <= this.now }).toMatchObject({ passed: true })
      if (concurrency && !isAlone) expect(limiter.held + Number(count)).toBeLessThanOrEqual(concurrency)
      if (!rate) continue
      const full = Math.min(Math.max(limiter.full, this.now), this.now + rate.burst * rate.interval)
      // The server adds the time that a claim takes.
      expect(Number(tokens)).toBeLessThanOrEqual(rate.burst - (full - this.now) / rate.interval + 0.1)
    }
    this.#taken += taken.length
  }

  async #end(at: number, back: boolean, byTrigger: boolean): Promise<void> {
    const held = await this.#sql('SELECT seq FROM celeriac.claim ORDER BY seq')
    const seq = held[at % Math.max(1, held.length)]?.[0]
    if (seq == null) return
    const drop = back ? 'SELECT' : `DELETE FROM celeriac.message WHERE seq = ${seq}`
    const text = (answer: string): string =>
      `WITH ended AS (DELETE FROM celeriac.claim WHERE seq = ${seq} RETURNING lane), gone AS (${drop}) SELECT ${answer} FROM ended`
    if (byTrigger) await this.#sql(text('1'))
    else {
      const ending = { statement: { name: '', text: text(returning('lane')) }, values: [] }
      await this.#broker.database.run([ending, returningStep(this.now)])
    }
  }

  async #limiters(): Promise<Map<number, StoredLimiter>> {
    const rows = await this.#sql('SELECT id, rule, full_at, held, paused, until, since FROM celeriac.limiter')
    const limiters = rows.map(
      ([id, rule, full, held, paused, until, since]): StoredLimiter => ({
        ...{ id: Number(id), rule: rule as string, full: Number(full), held: Number(held), paused: paused === 't' },
        ...{ until: Number(until), since: Number(since), isHalfOpen: false, failures: [] },
      }),
    )
    return new Map(limiters.map((limiter) => [limiter.id, limiter]))
  }

  /** What is held is what is counted, and never more than the rule and what was held before allow. */
  async #check(): Promise<void> {
    const held = await this.#sql(`SELECT m.id, m.held, coalesce(sum(u.count), 0), coalesce(count(u.count), 0)
      FROM celeriac.limiter m LEFT JOIN (celeriac.claim c JOIN celeriac.lane l ON l.id = c.lane
        CROSS JOIN LATERAL unnest(l.limiters, l.counts) AS u (limiter, count)) ON u.limiter = m.id GROUP BY m.id`)
    for (const [id, counted, real] of held) expect({ id, held: counted }).toEqual({ id, held: real })
  }

  /** Each lane with messages has a limit that lets nothing through, or waits behind one that needs more. */
  async #nothingStaysBack(): Promise<void> {
    const limiters = await this.#limiters()
    const lanes =
      await this.#sql(`SELECT l.name, l.queue, l.turn, l.blocked, array_to_json(l.limiters), array_to_json(l.counts)
      FROM celeriac.lane l WHERE EXISTS (SELECT FROM celeriac.message m WHERE m.queue = l.name AND m.due IS NULL
        AND (SELECT 1 FROM celeriac.claim c WHERE c.seq = m.seq) IS NULL)`)
    const waits = lanes.map(([name, queue, turn, blocked, ids, counts]) => {
      const needs: number[] = JSON.parse(counts as string)
      const uses = (JSON.parse(ids as string) as number[]).map((id, at) => ({ id, need: needs[at] as number }))
      return { name, queue, turn: Number(turn), blocked: Number(blocked), uses }
    })
    const passes = (id: number, count: number): number => {
      const limiter = limiters.get(id) as StoredLimiter
      return passing(limiter, this.#rules.get(limiter.rule), count, this.now).messages
    }
    for (const lane of waits) {
      const isBehind = waits.some(
        (other) =>
          other.queue === lane.queue &&
          other.turn < lane.turn &&
          other.uses.some(
            ({ id, need }) =>
              other.blocked === id &&
              passes(id, need) === 0 &&
              lane.uses.some((use) => use.id === id && use.need < need),
          ),
      )
      const isBlocked = lane.uses.some(({ id, need }) => passes(id, need) === 0)
      expect({
        lane,
        waits: isBlocked || isBehind,
        limiters: lane.uses.map(({ id }) => limiters.get(id)),
      }).toMatchObject({
        waits: true,
      })
    }
  }
}

test('what is held is counted, and nothing that may pass stays back', { timeout: 240_000 }, async () => {
  const open: Model[] = []
  let taken = 0
  onTestFinished(async () => {
    for (const model of open) await model.close()
  })
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 60 }), async (commands) => {
      const model = await Model.open()
      open.push(model)
      for (const one of commands) await model.run(one)
      await model.run({ kind: 'quiet' })
      open.pop()
      taken += model.taken
      await model.close()
    }),
    { numRuns: runs(12), endOnFailure: true, interruptAfterTimeLimit: 60_000 },
  )
  expect(taken).toBeGreaterThan(0)
})
