import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { killAndCheck } from './killing.ts'
import { RedisScene } from './redisScene.ts'
import { until } from './scene.ts'
import { REDIS_CLIENT_POINTS, REDIS_WORKER_POINTS } from './settings.ts'

const LEASE = 2000

test('Redis: 10,000 tasks, five random moments and every named point: nothing is lost, and only what was in flight runs again', {
  timeout: 120_000,
}, async ({ annotate }) => {
  const report = await killAndCheck({
    tasks: 10_000,
    random: 5,
    points: REDIS_WORKER_POINTS,
    hits: 20,
    worker: { concurrency: 20 },
    scene: await RedisScene.open(LEASE),
  })
  await annotate(JSON.stringify(report))
  expect(report.kills).toBe(5 + REDIS_WORKER_POINTS.length)
})

test('Redis: what a killed worker held is taken by another when its lease is over', async ({ annotate }) => {
  const scene = await RedisScene.open(LEASE)
  onTestFinished(() => scene.close())
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
  expect(Math.min(...waits), 'a lease lives at least three quarters of its time').toBeGreaterThan(LEASE * 0.5)
  // Scores are whole seconds.
  expect(Math.max(...waits), 'with two seconds for a slow machine').toBeLessThan(LEASE + 1000 + 2000)
})

describe('Redis: a client killed while it sends has sent what it was told', () => {
  test.each(['a random moment', ...REDIS_CLIENT_POINTS])('%s', async (point) => {
    const scene = await RedisScene.open(LEASE)
    onTestFinished(() => scene.close())
    const named = REDIS_CLIENT_POINTS.find((one) => one === point)
    const crash = named && { point: named, hit: 5 + Math.floor(Math.random() * 20) }
    const client = await scene.start('client', { tasks: 100_000, crash }).ready()
    if (!named) {
      await until('it has sent a task', () => client.noted('d').size > 0)
      await sleep(Math.random() * 100)
      client.kill('SIGKILL')
    }
    expect(await client.ended(20_000)).toBe('SIGKILL')

    const messages = await scene.messageIds()
    const records = await scene.recordIds()
    expect(messages, 'a message for each record, a record for each message').toEqual(records)
    const stored = new Set(records)
    const missing = [...client.noted('d')].filter((id) => !stored.has(id))
    expect(missing, 'told to be sent, and not there').toEqual([])
    const attempted = client.noted('a')
    expect(records.filter((id) => !attempted.has(id))).toEqual([])

    scene.start('worker', { concurrency: 100 })
    await until('all of it ran', () => scene.finished())
    const effects = scene.effects()
    const wrong = records.filter((id) => effects.get(id)?.length !== 1)
    expect(wrong, 'not run exactly once').toEqual([])
  })
})
