import { describe, expect, test } from 'vitest'
import { inFull, isFull } from '../tier.ts'
import { killAndCheck } from './killing.ts'
import { RabbitScene, useRabbitServer } from './rabbitScene.ts'
import { until } from './scene.ts'
import { killSender, RANDOM_MOMENT } from './sending.ts'
import { RABBIT_CLIENT_POINTS, RABBIT_COPY_POINTS, RABBIT_WORKER_POINTS, tried, triedBySenders } from './settings.ts'
import { takeOver } from './takeover.ts'

/** Means nothing here: what a dead worker held comes again with the end of its connection. */
const LEASE = 30_000

/** Kills at any moment: in the full run. */
const RANDOM = inFull(1, 2, 3, 4, 5, 6).length
const POINTS = tried(RABBIT_WORKER_POINTS)

const { server, newScene } = useRabbitServer(LEASE, { shared: !isFull })

test('RabbitMQ: many tasks, random moments and every named point, in the full run two restarts of the server: nothing is lost, and only what was in flight runs again', {
  // The full run sends many more tasks, and adds random kills and restarts.
  timeout: isFull ? 450_000 : 180_000,
}, async ({ annotate }) => {
  const report = await killAndCheck({
    tasks: isFull ? 10_000 : 600,
    random: RANDOM,
    points: POINTS,
    heirs: RABBIT_COPY_POINTS,
    hits: 20,
    faults: inFull(...Array<() => Promise<void>>(2).fill(() => server().restart())),
    worker: { concurrency: 20 },
    scene: await RabbitScene.open(LEASE, server()),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(RANDOM + POINTS.length + RABBIT_COPY_POINTS.length)
})

test('RabbitMQ: what a killed worker held is taken by another at once', async ({ annotate }) => {
  const { first, last } = await takeOver(await newScene())
  await annotate(`taken ${first} to ${last} ms after the kill`)
  expect(last).toBeLessThan(3000)
})

describe('RabbitMQ: a client killed while it sends has sent what it was told', () => {
  test.each([...inFull(RANDOM_MOMENT), ...triedBySenders(RABBIT_CLIENT_POINTS)])('%s', async (when) => {
    const scene = await newScene()
    const client = await killSender(scene, when)
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
