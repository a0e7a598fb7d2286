import { describe, expect, onTestFinished, test } from 'vitest'
import { inFull, isFull } from '../tier.ts'
import { killAndCheck } from './killing.ts'
import { PostgresScene } from './postgresScene.ts'
import { checkSent, killSender, RANDOM_MOMENT } from './sending.ts'
import { SERVER_CLIENT_POINTS, SERVER_WORKER_POINTS, type Settings, tried, triedBySenders } from './settings.ts'
import { takeOver } from './takeover.ts'

const LEASE = 2000
/** Kills at any moment: in the full run. */
const RANDOM = inFull(1, 2, 3, 4, 5, 6).length
const POINTS = tried(SERVER_WORKER_POINTS)
/** Pools of children that die with their worker, or outlive it for a moment. */
const POOLS: readonly Settings['pool'][] = ['inline', ...inFull('threads' as const, 'processes' as const)]

async function newScene(): Promise<PostgresScene> {
  const scene = await PostgresScene.open(LEASE)
  onTestFinished(() => scene.close())
  return scene
}

test.each(POOLS)(
  'PostgreSQL, %s: many tasks, random moments and every named point: nothing is lost, and only what was in flight runs again',
  { timeout: 150_000 },
  async (pool) => {
    const report = await killAndCheck({
      tasks: isFull ? 10_000 : 600,
      random: RANDOM,
      points: POINTS,
      hits: 20,
      worker: { pool, concurrency: pool === 'inline' ? 20 : 4 },
      scene: await PostgresScene.open(LEASE),
    })
    expect(report.kills).toBe(RANDOM + POINTS.length)
  },
)

test('PostgreSQL: what a killed worker held is taken by another when its lease is over', async ({ annotate }) => {
  const { first, last } = await takeOver(await newScene())
  await annotate(`lease ${LEASE} ms, taken ${first} to ${last} ms after the kill`)
  expect(first, 'a lease lives at least three quarters of its time').toBeGreaterThan(LEASE * 0.5)
  // The next round of the other one finds it, and a slow machine has three seconds more.
  expect(last).toBeLessThan(LEASE * 1.25 + 3000)
})

describe('PostgreSQL: a client killed while it sends has sent what it was told', () => {
  test.each([...inFull(RANDOM_MOMENT), ...triedBySenders(SERVER_CLIENT_POINTS)])('%s', async (when) => {
    const scene = await newScene()
    await checkSent(scene, await killSender(scene, when))
  })
})
