import { expect, test } from 'vitest'
import { compareRuns, comparisonText } from '../../bench/comparison.ts'
import type { Run } from '../../bench/report/results.ts'

/** A drain of 20 µs in the client, as much more in worker and server; cold it is twice that. */
function run(entrant: string, repeat: number, cpu: number): Run {
  const figures = {
    'tasks/s': 1,
    'worker CPU µs/task': cpu / 2,
    'server CPU µs/task': cpu / 2,
    'cold worker CPU µs/task': 2 * cpu,
    'worker RSS MiB': 100,
  }
  return { scenario: 'redis/drain', entrant, repeat, figures }
}

const runs = [40, 44, 36, 42].flatMap((cpu, index) => [run('old', index + 1, cpu), run('new', index + 1, cpu * 0.9)])

test('compares the processor time of all processes per task, pair by pair, warm and cold apart', () => {
  const [warm, cold, ...more] = compareRuns(runs, 'old', 'new')
  expect(more).toEqual([])
  expect(warm).toMatchObject({ scenario: 'redis/drain', phase: 'warm', pairs: 4 })
  expect(cold).toMatchObject({ phase: 'cold', pairs: 4 })
  expect(warm?.base).toBeCloseTo(40.5)
  expect(warm?.changed).toBeCloseTo(36.45)
  for (const value of [warm?.ratio, warm?.low, warm?.high, cold?.ratio]) expect(value).toBeCloseTo(0.9)
})

test('leaves out a pair of which one run is absent, and what has no processor time', () => {
  const [warm] = compareRuns(runs.slice(1), 'old', 'new')
  expect(warm?.pairs).toBe(3)
  const idle = runs.map((one) => ({ ...one, figures: { 'operations/s': 1 } }))
  expect(compareRuns(idle, 'old', 'new')).toEqual([])
})

test('says whether the interval shows a difference', () => {
  expect(comparisonText('old', 'new', compareRuns(runs, 'old', 'new'))).toMatch(
    /redis\/drain, warm +4 +40[.]5 +36[.]5 +0[.]900 +0[.]900 - 0[.]900 +less/,
  )
  const noisy = runs.map((one) => run(one.entrant, one.repeat, one.entrant === 'old' || one.repeat % 2 ? 40 : 60))
  expect(comparisonText('old', 'new', compareRuns(noisy, 'old', 'new'))).toContain('no difference shown')
})
