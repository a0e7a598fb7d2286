import { expect, test } from 'vitest'
import type { Conditions, Entrant, Scenario } from '../../bench/harness/scenario.ts'
import { measureAll } from '../../bench/rounds.ts'
import { SEMANTICS } from './results.ts'

/** The entrants of these tests use none of them. */
const CONDITIONS = {} as Conditions

function entrant(name: string, run: () => number, prepare: () => string = () => `${name} 1`): Entrant {
  return { name, semantics: SEMANTICS, prepare: async () => prepare(), run: async () => ({ 'tasks/s': run() }) }
}

function measure(scenarios: readonly Scenario[], repeats: number, sides?: ReadonlySet<string>) {
  return measureAll(scenarios, CONDITIONS, { sides, repeats }, () => undefined)
}

test('measures all once, then all again, each time another one first', async () => {
  const order: string[] = []
  const [a, b] = ['a', 'b'].map((name) => entrant(name, () => order.push(name))) as [Entrant, Entrant]
  const scenarios = [
    { name: 'x/one', title: '', entrants: [a, b] },
    { name: 'x/two', title: '', repeats: 1, entrants: [a] },
  ]
  const { runs, missing, failures } = await measure(scenarios, 2)
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a'])
  expect(runs.map(({ scenario, entrant, repeat }) => `${scenario} ${entrant} ${repeat}`)).toEqual([
    'x/one a 1',
    'x/one b 1',
    'x/two a 1',
    'x/one b 2',
    'x/one a 2',
  ])
  expect([missing, failures]).toEqual([[], []])
})

test('names one that cannot be measured, with one line of the reason, and measures the others', async () => {
  const absent = entrant('Absent', fail('never measured'), fail('not installed: apt-get install absent\nand more'))
  const present = entrant('Present', () => 1)
  const scenarios = [{ name: 'x/one', title: '', entrants: [absent, present] }]
  const { runs, missing, entrants } = await measure(scenarios, 1)
  expect(missing).toEqual([{ scenario: 'x/one', entrant: 'Absent', problem: 'not installed: apt-get install absent' }])
  expect(entrants).toMatchObject([{ entrant: 'Present', version: 'Present 1' }])
  expect(runs).toMatchObject([{ entrant: 'Present', figures: { 'tasks/s': 1 } }])
})

test('a measurement that fails is a failure of its own, and the rest goes on', async () => {
  const scenarios = [{ name: 'x/one', title: '', entrants: [entrant('a', fail('2 never ran')), entrant('b', () => 1)] }]
  const { runs, failures } = await measure(scenarios, 2)
  expect(failures.map(({ entrant, repeat, problem }) => `${entrant} ${repeat}: ${problem}`)).toEqual([
    'a 1: 2 never ran',
    'a 2: 2 never ran',
  ])
  expect(runs).toHaveLength(2)
})

test('--sides, in lower case, leaves out the others', async () => {
  const scenarios = [{ name: 'x/one', title: '', entrants: [entrant('BullMQ', () => 1), entrant('bare', () => 1)] }]
  const { runs } = await measure(scenarios, 1, new Set(['bullmq']))
  expect(runs.map(({ entrant }) => entrant)).toEqual(['BullMQ'])
})

function fail(message: string): () => never {
  return () => {
    throw new Error(message)
  }
}
