import { expect, test } from 'vitest'
import { killAndCheck } from './killing.ts'
import { WORKER_POINTS } from './settings.ts'
import { SqliteScene } from './sqliteScene.ts'

const LEASE = 2000

test('threads: 600 tasks, two random moments and every named point', async ({ annotate }) => {
  const worker = { pool: 'threads', concurrency: 2 } as const
  const report = await killAndCheck({
    tasks: 600,
    random: 2,
    points: WORKER_POINTS,
    hits: 5,
    worker,
    scene: new SqliteScene(LEASE),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(2 + WORKER_POINTS.length)
})
