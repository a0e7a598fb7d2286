import { expect, test } from 'vitest'
import { killAndCheck } from '../chaos/killing.ts'
import { RabbitScene, useRabbitServer } from '../chaos/rabbitScene.ts'
import { until } from '../chaos/scene.ts'
import { RABBIT_COPY_POINTS, RABBIT_WORKER_POINTS } from '../chaos/settings.ts'
import { deadIn } from '../deadLetters.ts'

const LEASE = 30_000
/** More than two to three heartbeats of 60 s. */
const BLOCKED = 200_000

const { server, newScene } = useRabbitServer(LEASE)

test('a task that blocks the event loop for more than three heartbeats is not run twice, nor those that wait behind it', {
  timeout: BLOCKED + 60_000,
}, async () => {
  const scene = await newScene()
  const ids = await scene.send('chaos.block', [[BLOCKED], [1], [1], [1]])
  // Blocked from its first task on, it may not come to say that it is ready.
  const first = scene.start('worker', { concurrency: 4 })
  await until('it blocks', () => scene.effects().size === 1)
  const hungry = await scene.start('worker', { concurrency: 4 }).ready()
  const results = await Promise.all(ids.map((id) => scene.app.result(id).get({ timeout: BLOCKED + 30_000 })))
  expect(results).toEqual(ids.map(() => first.pid))
  expect([...scene.effects().values()].map(({ length }) => length)).toEqual([1, 1, 1, 1])
  expect([...first.noted('l'), ...hungry.noted('r')]).toEqual([])
  await scene.checkEmpty()
})

test('a task that kills every worker which begins it is given up, and those beside it run', {
  timeout: 180_000,
}, async ({ annotate }) => {
  const scene = await newScene()
  const [poison = ''] = await scene.send('chaos.die', [[]])
  const others = await scene.send(
    'chaos.wait',
    Array.from({ length: 20 }, () => [100]),
  )
  let deaths = 0
  for (;;) {
    // One at a time: what runs beside it dies with it.
    const worker = await scene.start('worker', { concurrency: 1 }).ready()
    const ended = worker.ended(60_000).catch(() => undefined)
    const done = until('it is given up', () => scene.count("celeriac_result WHERE state = 'FAILURE'") === 1, 60_000)
    const how = await Promise.race([ended, done])
    if (how !== 'SIGKILL') break
    deaths++
    done.catch(() => undefined)
  }
  await annotate(`given up after ${deaths} deaths`)
  // The first return is not counted; after two deaths that are known it ends only its own process.
  expect(deaths).toBe(3)
  await expect(scene.app.result(poison).get({ timeout: 5000 })).rejects.toThrow('2 of its runs were lost before')
  await until('a copy is kept', async () => (await deadIn(scene.app)) === 1)
  await Promise.all(others.map((id) => scene.app.result(id).get({ timeout: 30_000 })))
  expect(others.filter((id) => scene.effects().get(id)?.length !== 1)).toEqual([])
})

test('50,000 tasks, ten random moments, every named point three times, four restarts of the server', {
  timeout: 600_000,
}, async ({ annotate }) => {
  const points = [...RABBIT_WORKER_POINTS, ...RABBIT_WORKER_POINTS, ...RABBIT_WORKER_POINTS]
  const heirs = [...RABBIT_COPY_POINTS, ...RABBIT_COPY_POINTS, ...RABBIT_COPY_POINTS]
  const report = await killAndCheck({
    tasks: 50_000,
    random: 10,
    points,
    heirs,
    hits: 50,
    faults: Array.from({ length: 4 }, () => () => server().restart()),
    worker: { concurrency: 50 },
    scene: await RabbitScene.open(LEASE, server()),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(10 + points.length + heirs.length)
})
