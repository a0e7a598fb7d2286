import { expect, test } from 'vitest'
import { killAndCheck } from '../chaos/killing.ts'
import { RabbitScene } from '../chaos/rabbitScene.ts'
import { RedisScene } from '../chaos/redisScene.ts'
import {
  type CrashPoint,
  RABBIT_WORKER_POINTS,
  SERVER_WORKER_POINTS,
  type Settings,
  WORKER_POINTS,
} from '../chaos/settings.ts'
import { SqliteScene } from '../chaos/sqliteScene.ts'

/** How long the kills go on, all stores together: `npm run test:full -- --minutes N`. */
const MINUTES = Number(process.env.SOAK_MINUTES ?? 5)
const LEASE = 2000

const inline: Partial<Settings> = { concurrency: 20 }
const threads: Partial<Settings> = { pool: 'threads', concurrency: 2 }
/** Two threads hardly ever end tasks in one turn, and half of one acknowledgement is none. */
const THREADS_POINTS = RABBIT_WORKER_POINTS.filter((point) => point !== 'settle:half')

const ROUNDS: readonly {
  readonly name: string
  readonly worker: Partial<Settings>
  readonly points: readonly CrashPoint[]
  readonly open: () => SqliteScene | Promise<RedisScene | RabbitScene>
}[] = [
  { name: 'sqlite', worker: inline, points: WORKER_POINTS, open: () => new SqliteScene(LEASE) },
  { name: 'sqlite, threads', worker: threads, points: WORKER_POINTS, open: () => new SqliteScene(LEASE) },
  { name: 'redis', worker: inline, points: SERVER_WORKER_POINTS, open: () => RedisScene.open(LEASE) },
  { name: 'redis, threads', worker: threads, points: SERVER_WORKER_POINTS, open: () => RedisScene.open(LEASE) },
  { name: 'rabbitmq', worker: inline, points: RABBIT_WORKER_POINTS, open: () => RabbitScene.open(LEASE) },
  { name: 'rabbitmq, threads', worker: threads, points: THREADS_POINTS, open: () => RabbitScene.open(LEASE) },
]

test(`kills on every store and pool, for ${MINUTES} minutes`, async ({ annotate }) => {
  const end = performance.now() + MINUTES * 60_000
  let kills = 0
  for (let round = 0; performance.now() < end; round++) {
    const { name, worker, points, open } = ROUNDS[round % ROUNDS.length]!
    const report = await killAndCheck({ tasks: 1000, random: 5, points, hits: 5, worker, scene: await open() })
    await annotate(`${name}: ${JSON.stringify(report)}`)
    expect(report.kills, name).toBe(5 + points.length)
    kills += report.kills
  }
  await annotate(`${kills} kills`)
})
