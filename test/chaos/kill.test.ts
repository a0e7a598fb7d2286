import { describe, expect, onTestFinished, test } from 'vitest'
import { inFull, isFull } from '../tier.ts'
import { killAndCheck } from './killing.ts'
import { checkSent, killSender, RANDOM_MOMENT } from './sending.ts'
import { CLIENT_POINTS, WORKER_POINTS } from './settings.ts'
import { SqliteScene } from './sqliteScene.ts'
import { takeOver } from './takeover.ts'

const LEASE = 2000
/** Kills at any moment: in the full run. */
const RANDOM = inFull(1, 2, 3, 4, 5, 6).length

function newScene(): SqliteScene {
  const scene = new SqliteScene(LEASE)
  onTestFinished(() => scene.close())
  return scene
}

describe('workers killed with SIGKILL lose nothing, and only what was in flight runs again', () => {
  test('inline: many tasks, random moments and every named point', async ({ annotate }) => {
    const killing = {
      tasks: isFull ? 5000 : 600,
      random: RANDOM,
      points: WORKER_POINTS,
      hits: 20,
      worker: { concurrency: 20 },
      scene: new SqliteScene(LEASE),
    }
    const report = await killAndCheck(killing)
    await annotate(JSON.stringify(report))
    expect(report.kills).toBe(RANDOM + WORKER_POINTS.length)
  })
})

test('what a killed worker held is taken by another after one to one and a half leases', async ({ annotate }) => {
  const { first, last } = await takeOver(newScene())
  await annotate(`lease ${LEASE} ms, taken ${first} to ${last} ms after the kill`)
  expect(first, 'a lease lives at least three quarters of its time after its last renewal').toBeGreaterThan(LEASE * 0.5)
  expect(last, 'with two seconds for a slow machine').toBeLessThan(LEASE * 1.5 + 2000)
})

describe('a client killed while it sends has sent what it was told', () => {
  test.each([...inFull(RANDOM_MOMENT), ...CLIENT_POINTS])('%s', async (when) => {
    const scene = newScene()
    await checkSent(scene, await killSender(scene, when))
  })
})
