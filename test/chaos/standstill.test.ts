import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { RabbitServer } from '../rabbitmq/server.ts'
import { isFull } from '../tier.ts'
import { PostgresScene } from './postgresScene.ts'
import { RabbitScene } from './rabbitScene.ts'
import { RedisScene } from './redisScene.ts'
import { type Actor, type Scene, until } from './scene.ts'
import type { Settings } from './settings.ts'
import { SqliteScene } from './sqliteScene.ts'

type Pool = Settings['pool']

const LEASE = 1500
let rabbit: Promise<RabbitServer> | undefined
afterAll(async () => (await rabbit)?.stop())

async function openRabbit(): Promise<Scene> {
  rabbit ??= RabbitServer.start()
  return RabbitScene.open(LEASE, await rabbit)
}

const STORES: Readonly<Record<string, () => Promise<Scene>>> = {
  sqlite: async () => new SqliteScene(LEASE),
  redis: () => RedisScene.open(LEASE),
  postgres: () => PostgresScene.open(LEASE),
  rabbitmq: openRabbit,
}
const POOLS: readonly Pool[] = ['inline', 'threads', 'processes', 'solo']
const ALL = Object.keys(STORES).flatMap((store) => POOLS.map((pool) => [store, pool] as const))
/** In `npm test` one alone; test/chaos/block.test.ts has the pool inline. */
const PAIRS = ALL.filter(([store, pool]) => isFull || (store === 'sqlite' && pool === 'processes'))

async function newScene(store: string): Promise<Scene> {
  const scene = await (STORES[store] as () => Promise<Scene>)()
  onTestFinished(() => scene.close())
  return scene
}

function startWorker(scene: Scene, pool: Pool): Promise<Actor> {
  // The lease of RabbitMQ: the server ends a connection that is silent for about two of these, in seconds.
  const store = scene instanceof RabbitScene ? `${scene.store}?heartbeat=1` : scene.store
  return scene.start('worker', { pool, store, concurrency: pool === 'solo' ? 1 : 2 }).ready()
}

function childrenOf({ pid }: Actor): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Stop a worker and these of its children, though not while it holds the store's write lock. */
async function freeze(scene: Scene, worker: Actor, children: readonly number[] = []): Promise<void> {
  for (;;) {
    worker.kill('SIGSTOP')
    await sleep(20)
    if (await scene.quiet()) break
    worker.kill('SIGCONT')
    await sleep(20)
  }
  for (const pid of children) process.kill(pid, 'SIGSTOP')
}

/** The processes that have run it, in order. */
function runsOf(scene: Scene, id: string): number[] {
  return (
    scene
      .effects()
      .get(id)
      ?.map(({ pid }) => pid) ?? []
  )
}

/** Another worker ends the task of one that is stopped, with these of its children; then it goes on. */
async function takeFromStopped(scene: Scene, pool: Pool, stopped: (worker: Actor) => number[]): Promise<void> {
  const first = await startWorker(scene, pool)
  const children = stopped(first)
  const [id = ''] = await scene.send('chaos.wait', [[500]])
  await until('it runs', () => runsOf(scene, id).length === 1)
  await freeze(scene, first, children)
  const second = await startWorker(scene, pool)
  const result = await scene.app.result(id).get({ timeout: '30s' })
  const runs = runsOf(scene, id)
  expect(runs).toHaveLength(2)
  expect(result).toBe(runs[1])
  second.kill('SIGTERM')
  await second.ended(10_000)

  for (const pid of children) process.kill(pid, 'SIGCONT')
  first.kill('SIGCONT')
  await until('it knows that the task was lost', () => first.noted('l').has(id))
  expect(first.noted('s')).toEqual(new Set())
  expect(await scene.app.result(id).get()).toBe(result)
  expect(runsOf(scene, id)).toEqual(runs)
  // It works on, in the same processes.
  const [next = ''] = await scene.send('chaos.wait', [[0]])
  expect([first.pid, ...childrenOf(first)]).toContain(await scene.app.result(next).get({ timeout: '20s' }))
  await scene.checkEmpty()
}

describe.each(PAIRS)('%s, pool %s: a worker is stopped for longer than its lease', (store, pool) => {
  test('another ends its task: nothing of it changes when the first goes on', async () => {
    await takeFromStopped(await newScene(store), pool, () => [])
  })
})

describe.each(PAIRS.filter(([, pool]) => pool === 'processes'))(
  '%s, pool %s: for longer than the lease',
  (store, pool) => {
    test('a worker is stopped with all of its children: nothing changes when they go on', async () => {
      await takeFromStopped(await newScene(store), pool, childrenOf)
    })

    test('the children of a worker alone are stopped: it keeps their tasks', async () => {
      const scene = await newScene(store)
      const first = await startWorker(scene, pool)
      const ids = await scene.send('chaos.wait', [[500], [500]])
      await until('both run', () => ids.every((id) => runsOf(scene, id).length === 1))
      const children = childrenOf(first)
      for (const pid of children) process.kill(pid, 'SIGSTOP')
      const second = await startWorker(scene, pool)
      await sleep(3 * LEASE)
      for (const pid of children) process.kill(pid, 'SIGCONT')
      const results = await Promise.all(ids.map((id) => scene.app.result(id).get({ timeout: '20s' })))
      expect(results.every((pid) => children.includes(pid as number))).toBe(true)
      expect(ids.map((id) => runsOf(scene, id).length)).toEqual([1, 1])
      expect([...second.noted('r'), ...first.noted('l')]).toEqual([])
    })
  },
)
