import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Conditions, Entrant, Scenario } from '../../bench/harness/scenario.ts'
import { measureAll } from '../../bench/rounds.ts'
import { SEMANTICS } from './results.ts'

/** The entrants of these tests use none of them. */
const CONDITIONS = {} as Conditions

function entrant(name: string, run: () => number, prepare: () => string = () => `${name} 1`): Entrant {
  return { name, semantics: SEMANTICS, prepare: async () => prepare(), run: async () => ({ 'tasks/s': run() }) }
}

/** Removed after the test. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-bench-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
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

test('together: the scenarios of different stores at once, each of them in order; then those of two stores', async () => {
  const order: string[] = []
  const folders: string[] = []
  const servers = new Map<string, unknown>()
  const slow = (name: string): Entrant => ({
    ...entrant(name, () => 1),
    run: async (conditions) => {
      order.push(`${name} begins`)
      folders.push(conditions.folder)
      servers.set(name, conditions.servers)
      await new Promise(setImmediate)
      order.push(`${name} ends`)
      return {}
    },
  })
  const names = [
    'sqlite/enqueue',
    'redis/enqueue',
    'rabbitmq/drain-redis',
    'postgres/enqueue',
    'redis/mix',
    'http/submit',
    'rabbitmq/enqueue',
  ]
  const scenarios = names.map((name) => ({ name, title: '', entrants: [slow(name)] }))
  const settings = { sides: undefined, repeats: 1, together: true }
  const { runs } = await measureAll(scenarios, { ...CONDITIONS, folder: newFolder() }, settings, () => undefined)
  expect(new Set(folders).size).toBe(6)
  expect([servers.get('http/submit'), servers.get('redis/enqueue')]).toEqual([
    servers.get('redis/mix'),
    CONDITIONS.servers,
  ])
  expect(servers.get('redis/mix')).not.toBe(CONDITIONS.servers)
  expect(runs.map(({ scenario }) => scenario).sort()).toEqual([...names].sort())
  const first = ['sqlite/enqueue', 'redis/enqueue', 'postgres/enqueue', 'rabbitmq/enqueue', 'redis/mix'].map(
    (name) => `${name} begins`,
  )
  expect(order.slice(0, 5)).toEqual(first)
  expect(order.indexOf('http/submit begins')).toBeGreaterThan(order.indexOf('redis/mix ends'))
  expect(order.slice(-2)).toEqual(['rabbitmq/drain-redis begins', 'rabbitmq/drain-redis ends'])
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
