import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { command } from '../../command.ts'
import { planOf } from './plan.ts'
import { runPlan } from './run.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('a worker and a client are killed on SQLite: the checker finds nothing', async ({ annotate }) => {
  const steps = [
    { after: 300, fault: { kind: 'kill', worker: 0 } },
    { after: 100, fault: { kind: 'kill-client', client: 1 } },
    { after: 300, fault: { kind: 'lull' } },
  ] as const
  const { history, violations, ...counts } = await runPlan({
    store: 'sqlite',
    pool: 'inline',
    seed: 0,
    minutes: 1,
    steps,
  })
  await annotate(JSON.stringify(counts))
  expect(violations).toEqual([])
  expect(counts.kills).toBe(1)
  expect(history.submissions.filter(({ queue }) => queue === 'ordered').length).toBeGreaterThan(0)
  expect(counts.done).toBeGreaterThan(10)
})

test('a seed makes the same plan again, another seed another', () => {
  const words = { store: 'redis', pool: 'threads', minutes: 5 } as const
  const plan = planOf({ ...words, seed: 7 })
  expect(planOf({ ...words, seed: 7 })).toEqual(plan)
  expect(planOf({ ...words, seed: 8 }).steps).not.toEqual(plan.steps)
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
})

test.each([
  [
    ['--store', 'mysql'],
    'chaos: --store: expected one of sqlite, redis, postgres, rabbitmq, rabbitmq+redis, rabbitmq+rpc, memory, got mysql\n',
  ],
  [['--minutes', 'soon'], 'chaos: --minutes: expected a number above 0, got soon\n'],
])('%j is refused in one line', async (args, stderr) => {
  expect(await command(process.execPath, [...process.execArgv, MAIN, ...args])).toEqual({ code: 2, stdout: '', stderr })
})
