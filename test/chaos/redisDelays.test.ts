import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { RedisScene } from './redisScene.ts'
import { until } from './scene.ts'

const TASKS = 1000
const LEASE = 2000
/** Until they are due: time for all that comes before, on a slow machine, ms. */
const DELAY = 8000

test('1,000 delayed tasks wait in the server, not in a worker; a restart of the worker changes nothing; none runs early, none twice', {
  timeout: 60_000,
}, async ({ annotate }) => {
  const scene = await RedisScene.open(LEASE)
  onTestFinished(() => scene.close())
  const first = await scene.start('worker', { concurrency: 20 }).ready()
  const due = Date.now() + DELAY
  const eta = new Date(due)
  const sent = Array.from({ length: TASKS }, (_, n) => scene.app.send('chaos.effect', [n], { eta }))
  const results = await Promise.all(sent)
  const parked = { waiting: 0, unacked: TASKS, index: TASKS, parked: TASKS }
  await until('all are put aside', async () => (await scene.left()).parked === TASKS, DELAY)
  expect(await scene.left()).toEqual(parked)

  // A worker that holds something waits for it, or gives it back: this one is gone at once and nothing moves.
  const begun = Date.now()
  first.kill('SIGTERM')
  expect(await first.ended(5000)).toBe('exit code 0')
  await annotate(`the worker took ${Date.now() - begun} ms to stop, ${due - Date.now()} ms before the time`)
  expect(await scene.left()).toEqual(parked)
  expect(Date.now(), 'this machine was too slow to show anything').toBeLessThan(due)
  const second = await scene.start('worker', { concurrency: 20 }).ready()
  await sleep(Math.max(0, due - Date.now() - 500))
  expect(scene.effects().size).toBe(0)

  const values = await Promise.all(results.map((result) => result.get({ timeout: 20_000 })))
  expect(values).toEqual(Array.from({ length: TASKS }, (_, n) => n * 2))
  const effects = [...scene.effects().values()]
  expect(effects.map(({ length }) => length)).toEqual(Array.from({ length: TASKS }, () => 1))
  const last = Math.max(...effects.flat().map(({ at }) => at))
  await annotate(`the last took effect ${last - due} ms after the time`)
  expect(Math.min(...effects.flat().map(({ at }) => at))).toBeGreaterThanOrEqual(due - 50)
  await scene.checkEmpty()
  expect([...first.noted('l'), ...second.noted('l')]).toEqual([])
})

test('a task that runs for longer than the lease runs once, beside a hungry worker', async () => {
  const scene = await RedisScene.open(LEASE)
  onTestFinished(() => scene.close())
  const worker = await scene.start('worker', { concurrency: 2 }).ready()
  const ids = await scene.send('chaos.wait', [[LEASE * 3], [LEASE * 3]])
  await until('both run', () => scene.effects().size === 2)
  const hungry = await scene.start('worker').ready()
  for (const id of ids) expect(await scene.app.result(id).get({ timeout: 20_000 })).toBe(worker.pid)
  expect([...scene.effects().values()].map(({ length }) => length)).toEqual([1, 1])
  expect([...worker.noted('l'), ...hungry.noted('r')]).toEqual([])
  await scene.checkEmpty()
})
