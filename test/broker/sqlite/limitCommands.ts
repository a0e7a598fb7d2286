import fc from 'fast-check'
import type { LimitRule } from '../../../src/broker/limits.ts'
import type { LimitUse } from '../../../src/protocol/limits.ts'

/* Random commands for a store with limits: few queues, limits and rules, so that they meet. */

export const HOUR = 3_600_000
export const QUEUES = ['q', 'r'] as const
export type QueueName = (typeof QUEUES)[number]

/** What messages need. */
export const NEEDS: readonly (readonly LimitUse[])[] = [
  [{ rule: 'a', key: '', count: 1 }],
  [{ rule: 'a', key: '', count: 2 }],
  [{ rule: 'b', key: 'x', count: 1 }],
  [{ rule: 'b', key: 'y', count: 1 }],
  [
    { rule: 'b', key: 'x', count: 1 },
    { rule: 'a', key: '', count: 1 },
  ],
  [
    { rule: 'c', key: '', count: 1 },
    { rule: 'b', key: 'y', count: 1 },
  ],
]
export const LIMITS = [
  { rule: 'a', key: '' },
  { rule: 'b', key: 'x' },
  { rule: 'b', key: 'y' },
  { rule: 'c', key: '' },
]
export const RULES: readonly Omit<LimitRule, 'name'>[] = [
  {},
  { concurrency: 1 },
  { concurrency: 3 },
  { rate: { interval: 100, burst: 1 } },
  { rate: { interval: 30, burst: 4 }, concurrency: 2 },
  { breaker: { failures: 1, within: 1000, pause: 200 } },
]

export type Command =
  | { readonly kind: 'publish'; readonly queue: QueueName; readonly needs: number; readonly delay: number }
  | { readonly kind: 'claim'; readonly queue: QueueName; readonly places: number }
  | { readonly kind: 'settle'; readonly how: 'ack' | 'give' | 'lose'; readonly which: number }
  | { readonly kind: 'take' | 'move'; readonly which: number; readonly queue: QueueName }
  | { readonly kind: 'purge'; readonly queue: QueueName }
  | { readonly kind: 'pause' | 'resume' | 'fail' | 'succeed'; readonly limit: number }
  | { readonly kind: 'holdBack'; readonly limit: number; readonly ms: number }
  | { readonly kind: 'define'; readonly rule: string; readonly as: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'sweep' }

const queue = fc.constantFrom(...QUEUES)
const limit = fc.nat(LIMITS.length - 1)
const which = fc.nat(30)
export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      queue,
      needs: fc.nat(NEEDS.length - 1),
      delay: fc.constantFrom(0, 0, 0, 50),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), queue, places: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      how: fc.constantFrom('ack' as const, 'ack' as const, 'give' as const, 'lose' as const),
      which,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('take' as const, 'move' as const), which, queue }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge' as const), queue }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'pause' as const,
        'resume' as const,
        'resume' as const,
        'fail' as const,
        'succeed' as const,
      ),
      limit,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('holdBack' as const), limit, ms: fc.constantFrom(0, 80, 10_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('define' as const),
      rule: fc.constantFrom('a', 'b', 'c'),
      as: fc.nat(RULES.length - 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 20, 50, 100, 300, HOUR, -HOUR, 15_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
)
