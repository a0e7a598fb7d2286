import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { RabbitServer } from '../rabbitmq/server.ts'
import { killAndCheck } from './killing.ts'
import { RabbitScene } from './rabbitScene.ts'
import { until } from './scene.ts'
import { RABBIT_CLIENT_POINTS, RABBIT_COPY_POINTS, RABBIT_WORKER_POINTS } from './settings.ts'

/** Means nothing here: what a dead worker held comes again with the end of its connection. */
const LEASE = 30_000

let server: RabbitServer
beforeAll(async () => {
  server = await RabbitServer.start()
})
afterAll(() => server.stop())

async function newScene(): Promise<RabbitScene> {
  const scene = await RabbitScene.open(LEASE, server)
  onTestFinished(() => scene.close())
  return scene
}

test('RabbitMQ: 10,000 tasks, random moments, every named point, two restarts of the server: nothing is lost, and only what was in flight runs again', {
  timeout: 180_000,
}, async ({ annotate }) => {
  const report = await killAndCheck({
    tasks: 10_000,
    random: 5,
    points: RABBIT_WORKER_POINTS,
    heirs: RABBIT_COPY_POINTS,
    hits: 20,
    faults: [() => server.restart(), () => server.restart()],
    worker: { concurrency: 20 },
    scene: await RabbitScene.open(LEASE, server),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(5 + RABBIT_WORKER_POINTS.length + 2 * RABBIT_COPY_POINTS.length)
})

test('RabbitMQ: what a killed worker held is taken by another at once', async ({ annotate }) => {
  const scene = await newScene()
  const ids = await scene.send(
    'chaos.wait',
    Array.from({ length: 10 }, () => [60_000]),
  )
  const worker = await scene.start('worker', { concurrency: 10 }).ready()
  await until('all run', () => scene.effects().size === ids.length)
  const other = await scene.start('worker', { concurrency: 10 }).ready()
  worker.kill('SIGKILL')
  await worker.ended(5000)
  await until('the other has them', () => other.noted('r').size === ids.length)
  const waits = [...other.notes('r').values()].map((at) => at - worker.endedAt)
  await annotate(`taken ${Math.min(...waits)} to ${Math.max(...waits)} ms after the kill`)
  expect(Math.max(...waits)).toBeLessThan(3000)
})

describe('RabbitMQ: a client killed while it sends has sent what it was told', () => {
  test.each(['a random moment', ...RABBIT_CLIENT_POINTS])('%s', async (point) => {
    const scene = await newScene()
    const named = RABBIT_CLIENT_POINTS.find((one) => one === point)
    const crash = named && { point: named, hit: 5 + Math.floor(Math.random() * 20) }
    const client = await scene.start('client', { tasks: 100_000, crash }).ready()
    if (!named) {
      await until('it has sent a task', () => client.noted('d').size > 0)
      await sleep(Math.random() * 100)
      client.kill('SIGKILL')
    }
    expect(await client.ended(20_000)).toBe('SIGKILL')

    const told = client.noted('d')
    const attempted = client.noted('a')
    const records = new Set(scene.recordIds())
    expect(
      [...told].filter((id) => !records.has(id)),
      'told to be sent, and without a record',
    ).toEqual([])
    scene.start('worker', { concurrency: 100 })
    await until('all of it ran', () => [...told].every((id) => scene.effects().has(id)))
    await scene.checkEmpty()
    const effects = scene.effects()
    expect([...effects.keys()].filter((id) => !attempted.has(id) || !records.has(id))).toEqual([])
    expect(
      [...effects].filter(([, list]) => list.length !== 1),
      'not run exactly once',
    ).toEqual([])
  })
})
