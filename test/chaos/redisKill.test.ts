import { describe, expect, onTestFinished, test } from 'vitest'
import { inFull, isFull } from '../tier.ts'
import { killAndCheck } from './killing.ts'
import { RedisScene } from './redisScene.ts'
import { checkSent, killSender, RANDOM_MOMENT } from './sending.ts'
import { SERVER_CLIENT_POINTS, SERVER_WORKER_POINTS, tried, triedBySenders } from './settings.ts'
import { takeOver } from './takeover.ts'

const LEASE = 2000
/** Kills at any moment: in the full run. */
const RANDOM = inFull(1, 2, 3, 4, 5, 6).length
const POINTS = tried(SERVER_WORKER_POINTS)

async function newScene(): Promise<RedisScene> {
  const scene = await RedisScene.open(LEASE)
  onTestFinished(() => scene.close())
  return scene
}

test('Redis: many tasks, random moments and every named point: nothing is lost, and only what was in flight runs again', {
  timeout: 120_000,
}, async ({ annotate }) => {
  const report = await killAndCheck({
    tasks: isFull ? 10_000 : 600,
    random: RANDOM,
    points: POINTS,
    hits: 20,
    worker: { concurrency: 20 },
    scene: await RedisScene.open(LEASE),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(RANDOM + POINTS.length)
})

test('Redis: what a killed worker held is taken by another when its lease is over', async ({ annotate }) => {
  const { first, last } = await takeOver(await newScene())
  await annotate(`lease ${LEASE} ms, taken ${first} to ${last} ms after the kill`)
  expect(first, 'a lease lives at least three quarters of its time').toBeGreaterThan(LEASE * 0.5)
  // Whoever looks for what is due looks again when the next lease is over.
  expect(last, 'with three seconds for a slow machine').toBeLessThan(LEASE + 3000)
})

describe('Redis: a client killed while it sends has sent what it was told', () => {
  test.each([...inFull(RANDOM_MOMENT), ...triedBySenders(SERVER_CLIENT_POINTS)])('%s', async (when) => {
    const scene = await newScene()
    await checkSent(scene, await killSender(scene, when))
  })
})
