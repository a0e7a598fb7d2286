import { expect, test } from 'vitest'
import { killAndCheck } from '../chaos/killing.ts'
import { WORKER_POINTS } from '../chaos/settings.ts'
import { SqliteScene } from '../chaos/sqliteScene.ts'

const POINTS = [...WORKER_POINTS, ...WORKER_POINTS, ...WORKER_POINTS]

test('inline: 50,000 tasks, ten random moments and every named point three times', async ({ annotate }) => {
  const worker = { concurrency: 50 }
  const report = await killAndCheck({
    tasks: 50_000,
    random: 10,
    points: POINTS,
    hits: 200,
    worker,
    scene: new SqliteScene(2000),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(10 + POINTS.length)
})

test('threads: 5,000 tasks, ten random moments and every named point three times', async ({ annotate }) => {
  const worker = { pool: 'threads', concurrency: 2 } as const
  const report = await killAndCheck({
    tasks: 5000,
    random: 10,
    points: POINTS,
    hits: 10,
    worker,
    scene: new SqliteScene(2000),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(10 + POINTS.length)
})
