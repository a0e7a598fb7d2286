import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { killAndCheck } from './killing.ts'
import { until } from './scene.ts'
import { CLIENT_POINTS, WORKER_POINTS } from './settings.ts'
import { SqliteScene } from './sqliteScene.ts'

const LEASE = 2000
describe('workers killed with SIGKILL lose nothing, and only what was in flight runs again', () => {
  test('inline: 5,000 tasks, five random moments and every named point', { timeout: 90_000 }, async ({ annotate }) => {
    const killing = {
      tasks: 5000,
      random: 5,
      points: WORKER_POINTS,
      hits: 20,
      worker: { concurrency: 20 },
      scene: new SqliteScene(LEASE),
    }
    const report = await killAndCheck(killing)
    await annotate(JSON.stringify(report))
    expect(report.kills).toBe(5 + WORKER_POINTS.length)
  })

  test('threads: 600 tasks, two random moments and every named point', { timeout: 90_000 }, async ({ annotate }) => {
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
})

test('what a killed worker held is taken by another after one to one and a half leases', async ({ annotate }) => {
  const scene = new SqliteScene(LEASE)
  try {
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
    await annotate(`lease ${LEASE} ms, taken ${Math.min(...waits)} to ${Math.max(...waits)} ms after the kill`)
    expect(
      Math.min(...waits),
      'a lease lives at least three quarters of its time after its last renewal',
    ).toBeGreaterThan(LEASE * 0.5)
    expect(Math.max(...waits), 'with two seconds for a slow machine').toBeLessThan(LEASE * 1.5 + 2000)
  } finally {
    await scene.close()
  }
})

describe('a client killed while it sends has sent what it was told', () => {
  test.each(['a random moment', ...CLIENT_POINTS])('%s', async (point) => {
    const scene = new SqliteScene(LEASE)
    try {
      const named = CLIENT_POINTS.find((one) => one === point)
      const crash = named && { point: named, hit: 5 + Math.floor(Math.random() * 20) }
      const client = await scene.start('client', { tasks: 100_000, crash }).ready()
      if (!named) {
        await until('it has sent a task', () => client.noted('d').size > 0)
        await sleep(Math.random() * 100)
        client.kill('SIGKILL')
      }
      expect(await client.ended(20_000)).toBe('SIGKILL')

      const told = client.noted('d')
      const messages = scene.query<{ id: string }>('SELECT task_id AS id FROM message ORDER BY 1').map(({ id }) => id)
      const records = scene.query<{ id: string }>('SELECT id FROM result ORDER BY 1').map(({ id }) => id)
      expect(messages, 'a message for each record, a record for each message').toEqual(records)
      const stored = new Set(records)
      expect(
        [...told].filter((id) => !stored.has(id)),
        'told to be sent, and not there',
      ).toEqual([])
      const attempted = client.noted('a')
      expect(records.filter((id) => !attempted.has(id))).toEqual([])

      scene.start('worker', { concurrency: 100 })
      await until('all of it ran', () => scene.count("result WHERE state = 'SUCCESS'") === records.length)
      const effects = scene.effects()
      expect(
        records.filter((id) => effects.get(id)?.length !== 1),
        'not run exactly once',
      ).toEqual([])
    } finally {
      await scene.close()
    }
  })
})
