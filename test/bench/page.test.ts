import { describe, expect, test } from 'vitest'
import { pagePart, withPart } from '../../bench/report/page.ts'
import { resultsOf, runsOf } from './results.ts'

const results = resultsOf([...runsOf('celeriac', 30_000, 50_000, 40_000), ...runsOf('BullMQ', 20_000, 20_000, 20_000)])

describe('the generated part of docs/benchmarks.md', () => {
  const part = pagePart([{ name: 'full.json', results }])

  test('has median and range of each figure, a column for each entrant', () => {
    expect(part).toContain('### `redis/drain`\n\nNo-op tasks. Median (least - most).')
    expect(part).toContain('|  | celeriac | BullMQ |\n| --- | --- | --- |')
    expect(part).toContain('| tasks/s | 40,000 (30,000 - 50,000) | 20,000 |')
    expect(part).toContain('| worker CPU µs/task | 25 (20 - 33.3) | 50 |')
  })

  test('says where the figures come from, and links the raw runs', () => {
    expect(part).toContain('[full.json](../bench/results/full.json): 2026-11-28, commit abc1234, 1 scenarios,')
    expect(part).toContain('windows of 10 s. Node 24.0.0, redis-server 7.0.15, 2 cores of A, 8 GiB, load average')
  })

  test('says what the figures of each entrant mean', () => {
    expect(part).toContain('| BullMQ | BullMQ 1.2.3 | late | stored | at once | none |')
  })

  test('judges, and marks what was missed', () => {
    expect(part).toContain('| redis/drain, tasks/s / BullMQ | **2** | at least 3 |')
    expect(part).not.toContain('/ Celery')
  })

  test('judges the sum of two figures', () => {
    const figures = { 'worker CPU µs/task': 25, 'server CPU µs/task': 36 }
    const runs = [{ scenario: 'postgres/drain', entrant: 'celeriac', repeat: 1, figures }]
    const scenarios = [{ name: 'postgres/drain', title: 'no-op tasks' }]
    expect(pagePart([{ name: 'full.json', results: resultsOf(runs, { scenarios }) }])).toContain(
      '| postgres/drain, worker CPU µs/task + server CPU µs/task | **61** | at most 60 |',
    )
  })

  test('shows each scenario from the newest file that has it', () => {
    const newer = resultsOf(runsOf('celeriac', 60_000), { started: '2026-11-29T10:00:00.000Z' })
    const text = pagePart([
      { name: 'full.json', results },
      { name: 'newer.json', results: newer },
    ])
    expect(text).toContain('| tasks/s | 60,000 |')
    expect(text).not.toContain('40,000')
    expect(text).not.toContain('full.json')
  })

  test('has nothing of quick runs and of comparisons', () => {
    const quick = resultsOf(results.runs, { settings: { ...results.settings, quick: true } })
    const comparison = resultsOf(results.runs, { entrants: [] })
    expect(pagePart([quick, comparison].map((one) => ({ name: 'a.json', results: one })))).toContain('No full run')
  })

  test('says so where there are no runs', () => {
    expect(pagePart([])).toContain('No full run')
    expect(pagePart([{ name: 'empty.json', results: resultsOf([]) }])).toContain('No full run')
  })
})

describe('the marks', () => {
  const page = 'a\n<!-- <BENCHMARKS> made -->\nold\n<!-- </BENCHMARKS> -->\nb\n'

  test('stay, with the part between them', () => {
    expect(withPart(page, 'new $1')).toBe('a\n<!-- <BENCHMARKS> made -->\n\nnew $1\n\n<!-- </BENCHMARKS> -->\nb\n')
    expect(withPart(withPart(page, 'new'), 'new')).toBe(withPart(page, 'new'))
  })

  test('must be there', () => {
    expect(() => withPart('a\n', 'new')).toThrow('expected the marks <BENCHMARKS> and </BENCHMARKS>')
  })
})
