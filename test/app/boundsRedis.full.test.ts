import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Keeping } from '../../src/backend/bounds/keeping.ts'
import { BoundsWatch } from '../../src/calls/bounds/boundsWatch.ts'
import { SUCCESS } from '../../src/protocol/states.ts'
import { pieces } from '../../src/std/chunks.ts'
import type { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBackend } from '../stores/standalone.ts'
import { eventually, within } from '../wait.ts'
import { Lab } from './lab.ts'
import { storesOf } from './stores.ts'

const COUNT = 200_000
const CAP = 180_000
const DAY = 86_400_000
/** A walk leaves most of the time to others: on a slow machine it takes minutes, ms. */
const TIMEOUT = 600_000
/** Every so many jobs have metadata, and are listed. */
const OWNED = 10

let server: RedisServer
let lab: Lab
let backend: RedisBackend
beforeAll(async () => {
  server = await RedisServer.start({ flags: ['--save', '900 1'] })
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.cli('FLUSHALL')
  lab = new Lab('redis', server.url())
  backend = new StandaloneRedisBackend(server.url(), { expires: DAY, serializer: 'json', accept: ['json'] })
  await fill()
})
afterEach(async () => {
  await backend.close()
  await lab.end()
})

/** In an order that has nothing to do with that of their names: when it expires, in seconds after all others. */
function placeOf(at: number): number {
  return (at * 7919) % COUNT
}

async function fill(): Promise<void> {
  for (const some of pieces([...Array(COUNT).keys()], 2000)) {
    const records = some.map((at) => {
      const meta = metaOf(`job-${at}`, SUCCESS, { result: 'x'.repeat(200) })
      const { key, value } = backend.record(meta)
      return ['SET', key, value, 'PX', DAY + placeOf(at) * 1000] as const
    })
    const owned = some.filter((at) => at % OWNED === 0)
    const origins = owned.map((at) => ['SET', backend.notes.metadataKey(`job-${at}`), '{"owner":"anna"}\n'] as const)
    const listed = ['ZADD', 'celeriac.jobs', ...owned.flatMap((at) => [at, `job-${at}`])] as const
    await backend.connection.pipeline([...records, ...origins, listed])
  }
}

function keep(cap: number): ChildProcess {
  const child = fork(join(import.meta.dirname, 'children', 'keep.ts'), [server.url(), String(cap)], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=source'],
  })
  lab.after(() => child.kill('SIGKILL'))
  return child
}

/** Numbers of the records that are left. */
async function left(): Promise<number[]> {
  const keys = (await backend.connection.command('KEYS', backend.keyOf('job-*'))) as string[]
  return keys.map((key) => Number(key.slice(backend.keyOf('job-').length)))
}

/** How many were dropped that expire later than those which had to go, with a fifth more for the estimate. */
function lateOf(numbers: readonly number[]): number {
  const isLeft = new Set(numbers)
  const bound = 1.2 * (COUNT - numbers.length)
  return [...Array(COUNT).keys()].filter((at) => !isLeft.has(at) && placeOf(at) > bound).length
}

/** Times of calls with their results, one after the other, until the end of `until`, ms. */
async function callTimes(call: (n: number) => Promise<unknown>, until: Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  let ended = false
  until.then(
    () => {
      ended = true
    },
    () => undefined,
  )
  for (let at = 0; !ended; at++) {
    const since = performance.now()
    await call(at)
    times.push(performance.now() - since)
  }
  return times.sort((one, other) => one - other)
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN
}

test(
  `${COUNT} records: the right ones are dropped in another process, and calls go on`,
  async () => {
    // Its results expire after all others.
    const app = lab.app({ resultExpires: '30d' })
    const work = app.task('work', (n: number) => n)
    await lab.work(app)
    const call = async (n: number): Promise<number> => (await work.delay(n)).get({ timeout: '60s' })
    const calm = new Promise((resolve) => setTimeout(resolve, 10_000))
    const before = await callTimes(call, calm)
    const child = keep(CAP)
    const walked = once(child, 'message')
    const during = await callTimes(call, walked)
    await walked
    const numbers = await left()
    // The results of the calls count, too.
    expect(numbers.length).toBeLessThanOrEqual(CAP)
    expect(numbers.length).toBeGreaterThan(CAP - before.length - during.length)
    expect(lateOf(numbers)).toBe(0)
    const [p99, calmP99] = [quantile(during, 0.99), quantile(before, 0.99)]
    expect(p99).toBeLessThan(3 * calmP99 + 20)
  },
  TIMEOUT,
)

test(
  'one step blocks the server for about a millisecond',
  async () => {
    const before = [processorTime(), await scriptCalls()] as const
    const { kept } = await new Keeping(await backend.rows()).trim({ results: CAP })
    expect(kept.results).toBe(CAP)
    const steps = (await scriptCalls()) - before[1]
    expect(steps).toBeGreaterThan(COUNT / 200)
    expect((processorTime() - before[0]) / steps).toBeLessThan(2)
  },
  TIMEOUT,
)

test(
  'the process that walks is killed while it drops: nothing is half there, and the next one goes on',
  async () => {
    const app = lab.app()
    const child = keep(CAP)
    const size = async (): Promise<number> => Number(await backend.connection.command('DBSIZE'))
    const full = await size()
    await eventually(size, (now) => now < full - 2000, TIMEOUT)
    const killed = once(child, 'exit')
    child.kill('SIGKILL')
    await within(() => 'the end of the process', killed)
    const numbers = await left()
    expect(numbers.length).toBeGreaterThan(CAP)
    await expectWhole(numbers)
    const end = (await size()) - (numbers.length - CAP)
    const parts = { stores: await storesOf(app), boundOf: undefined, caps: { results: CAP } }
    const watch = new BoundsWatch({ ...parts, config: () => app.config })
    watch.start()
    lab.after(() => watch.close())
    // It waits until the note of the killed one has expired.
    await eventually(
      async () => {
        await watch.look()
        return size()
      },
      (now) => now <= end,
      TIMEOUT,
    )
    const rest = await left()
    expect(rest.length).toBe(CAP)
    expect(lateOf(rest)).toBe(0)
    await expectWhole(rest)
  },
  TIMEOUT,
)

/** Of the server, ms. */
function processorTime(): number {
  return Number(readFileSync(`/proc/${server.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
}

async function scriptCalls(): Promise<number> {
  const stats = await server.cli('INFO', 'commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

/** Metadata and the index have exactly those that are left. */
async function expectWhole(numbers: readonly number[]): Promise<void> {
  const owned = numbers.filter((at) => at % OWNED === 0).length
  expect(await backend.connection.command('ZCARD', 'celeriac.jobs')).toBe(owned)
  expect(await backend.connection.command('KEYS', backend.notes.metadataKey('*'))).toHaveLength(owned)
}
