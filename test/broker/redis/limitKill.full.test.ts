import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pause, until } from '../../../src/testing/kit.ts'
import { numbered, sendLimited } from '../../../src/testing/limitFixture.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'
import { Child } from '../sqlite/child.ts'

/* Processes that hold permits are killed: what they held returns, once, and never more is out than the limits allow. */

const LEASE_MS = 400
const KEYS = ['a', 'b', 'c']
const MESSAGES_PER_KEY = 25
const PER_KEY = 2
const TOGETHER = 4
const RATE = { interval: 20, burst: 10 }

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await RedisServer.start()
  redis = new Redis(server.port)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

/** Units of each limit that are held by valid leases, in one moment of the server; and the moment, ms. */
const VALID = `
local held = {}
local all = redis.call('HGETALL', 'celeriac.lane-tags')
for at = 1, #all, 2 do
  local limits = string.match(all[at + 1], '^([^\\n]*)')
  if limits ~= '' and redis.call('ZSCORE', 'unacked_index', all[at]) then
    for _, use in ipairs(cjson.decode(limits)) do
      local name = use[1] .. ' ' .. use[2]
      held[name] = (held[name] or 0) + use[3]
    end
  end
end
return cjson.encode(held)`

test('workers that are killed: never more than N valid leases for a key, never more than the bucket allows', async () => {
  const broker = new StandaloneRedisBroker(server.url(), { lease: LEASE_MS, visibilityTimeout: 3_600_000 })
  await broker.limits.define([
    { name: 'key', concurrency: PER_KEY },
    { name: 'all', concurrency: TOGETHER, rate: RATE },
  ])
  const ids = KEYS.flatMap((key) => numbered(key, MESSAGES_PER_KEY))
  await Promise.all(ids.map((id) => sendLimited(broker, 'q', id, [['key', id.charAt(0)], 'all'])))
  const most = new Map<string, number>()
  const watching = new AbortController()
  const watched = watch(most, watching.signal)
  const started = performance.now()
  let children: Child[] = await Promise.all([start(), start(), start()])
  for (let kills = 0; kills < 5; kills++) {
    await pause(150)
    const [first, ...others] = children as [Child, ...Child[]]
    first.process.kill('SIGKILL')
    children = [...others, await start()]
  }
  await until('all are done', async () => (await broker.size('q')) + (await redis.hlen('unacked')) === 0)
  const elapsed = performance.now() - started
  watching.abort()
  await watched
  for (const key of KEYS) expect(most.get(`key ${key}`) ?? 0).toBeLessThanOrEqual(PER_KEY)
  expect(most.get('all ')).toBeLessThanOrEqual(TOGETHER)
  expect(await redis.llen('begun')).toBeLessThanOrEqual(RATE.burst + elapsed / RATE.interval + 1)
  // A worker that lost its lease settles nothing; one that is killed may not have noted what it has settled.
  const done = await redis.lrange('done', 0, -1)
  expect([...new Set(done)]).toEqual(done)
  expect(done.length).toBeGreaterThan(ids.length - 30)
  const names = [{ rule: 'all', key: '' }, ...KEYS.map((key) => ({ rule: 'key', key }))]
  expect((await broker.limits.states(names)).map(({ held, waiting }) => [held, waiting])).toEqual(
    names.map(() => [0, 0]),
  )
  for (const child of children) child.process.kill('SIGKILL')
  await broker.close()
})

async function start(): Promise<Child> {
  const child = new Child('limitedWorker.ts', [server.url(), LEASE_MS, 10, 15])
  await child.says('ready')
  return child
}

async function watch(most: Map<string, number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const held: Record<string, number> = JSON.parse(String(await redis.eval(VALID, 0)))
    for (const [name, count] of Object.entries(held)) most.set(name, Math.max(most.get(name) ?? 0, count))
    await pause(2)
  }
}
