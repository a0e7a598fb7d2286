import { describe, expect, test } from 'vitest'
import type { Bug } from '../settings.ts'
import type { Rule } from './checker.ts'
import { type Fault, LEASE, planOf } from './plan.ts'
import { runPlan } from './run.ts'

/** A bug must be found within this time, ms. */
const LIMIT = 120_000

const FAULTS: readonly (readonly [Bug, Rule, Fault])[] = [
  ['ack-before-store', 'outcome', { kind: 'kill', worker: 0 }],
  ['no-fence', 'final', { kind: 'freeze', worker: 0, ms: 2 * LEASE }],
  ['lost-wake-up', 'done', { kind: 'lull' }],
  ['body-twice', 'doubles', { kind: 'lull' }],
]

test.each(FAULTS)('finds %s on SQLite, as a broken rule "%s"', { timeout: 2 * LIMIT }, async (bug, rule, fault) => {
  const steps = Array.from({ length: 3 }, () => ({ after: 1000, fault }))
  const begun = performance.now()
  const { violations } = await runPlan({ store: 'sqlite', pool: 'inline', seed: 0, minutes: 1, steps }, { bug })
  expect(violations.map((violation) => violation.rule)).toContain(rule)
  expect(violations.every(({ evidence }) => evidence.length > 0)).toBe(true)
  expect(performance.now() - begun).toBeLessThan(LIMIT)
})

/** Seeds whose plans have kills, and freezes for longer than a lease, in their first minute. */
const SEEDS = [
  ['sqlite', 12],
  ['redis', 12],
] as const

describe.each(SEEDS)('by the plan of a seed, on %s (seed %i)', (store, seed) => {
  test.each(FAULTS)('finds %s, as a broken rule "%s"', { timeout: 4 * LIMIT }, async (bug, rule) => {
    const { violations } = await runPlan(planOf({ store, pool: 'inline', seed, minutes: 1 }), { bug })
    expect(violations.map((violation) => violation.rule)).toContain(rule)
  })
})
