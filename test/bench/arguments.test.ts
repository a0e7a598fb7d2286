import { describe, expect, test } from 'vitest'
import { parseArguments, UsageError } from '../../bench/arguments.ts'
import { hugeScenarios, SCENARIOS } from '../../bench/scenarios.ts'

const parse = (...args: readonly string[]) => parseArguments(args, SCENARIOS, hugeScenarios)
const names = (...args: readonly string[]): string[] => parse(...args).scenarios.map(({ name }) => name)

test('without options: every scenario, windows of 4 s, five repeats', () => {
  expect(parse()).toMatchObject({ window: 4, repeats: 5, cold: 20_000, quick: false, sides: undefined })
  expect(names()).toEqual(SCENARIOS.map(({ name }) => name))
})

test('--only takes a scenario, a store or a kind, in the order of the table', () => {
  expect(names('--only', 'redis/drain')).toEqual(['redis/drain'])
  expect(names('--only', 'drain')).toEqual(['sqlite/drain', 'redis/drain', 'postgres/drain', 'rabbitmq/drain'])
  expect(names('--only', 'http, sqlite/idle')).toEqual([
    'sqlite/idle',
    'http/submit',
    'http/status-pending',
    'http/status-ended',
  ])
})

test('--quick measures little, unless something else is asked for', () => {
  expect(parse('--quick')).toMatchObject({ window: 0.3, repeats: 1, cold: 300 })
  expect(parse('--quick', '--window', '1', '--repeats', '2')).toMatchObject({ window: 1, repeats: 2 })
})

test('--huge measures long backlogs beside short ones', () => {
  expect(names('--huge', '--only', 'redis')).toEqual(['redis/backlog-10000', 'redis/backlog-10000000'])
  expect(names('--huge', '--backlog', '500', '--only', 'sqlite')).toEqual([
    'sqlite/backlog-10000',
    'sqlite/backlog-500',
  ])
  expect(names('--huge', '--backlog', '1000000', '--only', 'postgres')).toEqual([
    'postgres/backlog-10000',
    'postgres/backlog-1000000',
    'postgres/held-xmin',
    'postgres/bloat',
  ])
})

test('--compare measures celeriac alone, 20 pairs of enqueue and drain', () => {
  const { sides, repeats, window, compare } = parse('--compare', 'main')
  expect({ sides, repeats, window, compare }).toEqual({
    sides: new Set(['celeriac']),
    repeats: 20,
    window: 2,
    compare: 'main',
  })
  expect(names('--compare', 'main')).toEqual(['sqlite/enqueue', 'sqlite/drain', 'redis/enqueue', 'redis/drain'])
})

describe('wrong options are one line:', () => {
  test.each([
    [['--only', 'mysql'], '--only: expected one of sqlite/enqueue, sqlite, enqueue,'],
    [['--sides', 'celeriac,sidekiq'], '--sides: expected one of celeriac, plainjob, bare,'],
    [['--repeats', '0'], '--repeats: expected a whole number from 1, got 0'],
    [['--repeats', '1.5'], '--repeats: expected a whole number from 1, got 1.5'],
    [['--window', 'ten'], '--window: expected seconds from 0.05, got ten'],
    [['--window', ''], '--window: expected seconds from 0.05, got '],
    [['--backlog', '5'], '--backlog: expected --huge beside it'],
    [['--compare', 'main', '--repeats', '5'], '--repeats: expected a whole number from 20, got 5'],
    [['--compare', 'main', '--sides', 'bullmq'], '--compare: expected neither --sides nor --page'],
    [['--fast'], "Unknown option '--fast'"],
    [['redis'], 'Unexpected argument'],
  ])('%j', (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError)
    expect(() => parse(...args)).toThrow(message)
    try {
      parse(...args)
    } catch (error) {
      expect((error as Error).message).not.toContain('\n')
    }
  })
})
