import { expect, onTestFinished, test } from 'vitest'
import { until } from '../chaos/scene.ts'
import { SqliteScene } from '../chaos/sqliteScene.ts'

/** The default of the option `lease`, ms. */
const LEASE = 30_000
const MINUTE = 60_000

test('a task that blocks the event loop for more than a minute keeps its lease, and is not run twice', async () => {
  const scene = new SqliteScene(LEASE)
  onTestFinished(() => scene.close())
  const ids = await scene.send('chaos.block', [[MINUTE + LEASE / 2], [1], [1], [1]])
  // Blocked from its first task on, it may not come to say that it is ready.
  const first = scene.start('worker', { concurrency: 4 })
  await until('it blocks', () => scene.effects().size === 1)
  const hungry = await scene.start('worker', { concurrency: 4 }).ready()
  const results = await Promise.all(ids.map((id) => scene.app.result(id).get({ timeout: 2 * MINUTE })))
  expect(results).toEqual(ids.map(() => first.pid))
  expect([...scene.effects().values()].map(({ length }) => length)).toEqual([1, 1, 1, 1])
  expect([...first.noted('l'), ...hungry.noted('r')]).toEqual([])
})
