import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { startProxy } from '../../src/testing/proxy/tcpProxy.ts'
import { RedisServer, type RedisServerOptions } from '../redis/server.ts'
import { Flow } from './flow.ts'
import { until } from './scene.ts'

/** Longer than any fault here lasts, and short enough to be waited for. */
const LEASE = 6000
/** Between calls of a flow that goes on for long, ms. */
const SLOW = 50
/** For what a dead connection took with it to come back, on a slow machine, ms. */
const BACK = LEASE + 10_000
/** Within seconds, ms. */
const SOON = 8000
/** Of a test, ms. */
const LIMIT = 60_000

async function open(options: RedisServerOptions = {}): Promise<{ server: RedisServer; flow: Flow }> {
  const server = await RedisServer.start(options)
  onTestFinished(() => server.stop())
  return { server, flow: await flowing(server.url(), server.url()) }
}

async function flowing(producer: string, worker: string, pause?: number): Promise<Flow> {
  const flow = new Flow({ producer, worker, lease: LEASE, pause })
  onTestFinished(() => flow.close())
  return flow.start()
}

async function healthy(flow: Flow): Promise<void> {
  await until('the worker is well', () => flow.worker.problem === undefined, SOON)
  expect(await flow.once(SOON)).toBeLessThan(SOON)
}

describe('tasks flow, and', { timeout: LIMIT }, () => {
  test('CLIENT KILL ends every connection, again and again: nothing is lost, nothing runs twice', async () => {
    const { server, flow } = await open()
    for (let round = 0; round < 5; round++) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await flow.more(20)
      await healthy(flow)
    }
    expect(await flow.finish(BACK)).toBeGreaterThan(100)
    expect(flow.most).toBe(1)
    expect(flow.refused.every((error) => error instanceof StoreUnavailableError)).toBe(true)
  })

  test('SCRIPT FLUSH: nobody notices', async () => {
    const { server, flow } = await open()
    for (let round = 0; round < 5; round++) {
      await server.cli('SCRIPT', 'FLUSH')
      await flow.more(20)
    }
    await flow.finish(SOON)
    expect(flow.most).toBe(1)
    expect([...flow.refused, ...flow.errors, ...flow.lost]).toEqual([])
  })

  test('the server is killed and starts again with its append-only file: nothing is lost, nothing runs twice', async () => {
    const { server, flow } = await open({ appendonly: true })
    for (let round = 0; round < 2; round++) {
      await server.kill()
      await until('the worker says so', () => flow.worker.problem !== undefined, SOON)
      expect(flow.worker.problem).toBeInstanceOf(StoreUnavailableError)
      await sleep(500)
      await server.start()
      await healthy(flow)
      await flow.more(20)
    }
    await flow.finish(BACK)
    expect(flow.most).toBe(1)
  })

  test('the server comes back empty: what was there is lost, what is sent afterwards runs', async () => {
    const { server, flow } = await open()
    await server.restart({ keepData: false })
    await healthy(flow)
    const before = flow.accepted.length
    await flow.more(20)
    await flow.dry()
    const after = flow.accepted.slice(before)
    await Promise.all(after.map((result) => result.get({ timeout: SOON })))
    expect(flow.most).toBe(1)
  })

  test('the server sleeps for 3 s: nothing is lost, nothing runs twice', async () => {
    const { server, flow } = await open({ flags: ['--enable-debug-command', 'yes'] })
    await server.cli('DEBUG', 'SLEEP', '3')
    await healthy(flow)
    await flow.more(20)
    await flow.finish(BACK)
    expect(flow.most).toBe(1)
  })

  test('the server is out of memory: callers are told its words, the worker keeps and finishes what it holds, says so, and recovers', async () => {
    const { server, flow } = await open()
    await flow.hold(20)
    await flow.more(100)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1mb')
    await until('callers are told', () => flow.refused.length > 20, SOON)
    for (const error of flow.refused) {
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error.message).toContain('OOM command not allowed')
    }
    // Longer than the lease: it is renewed all the same.
    await sleep(LEASE + 2000)
    expect(flow.worker.busy).toBe(20)
    // An outcome takes the place of its message: a full server has room for it, and what waits is worked off.
    const accepted = [...flow.accepted]
    flow.letGo()
    await Promise.all(accepted.map((result) => result.get({ timeout: SOON })))
    await until('the worker says so', () => flow.worker.problem !== undefined, SOON)
    expect(flow.worker.problem?.message).toContain('OOM command not allowed')
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    await healthy(flow)
    await flow.more(20)
    await flow.finish(BACK)
    expect(flow.most).toBe(1)
    expect(flow.lost).toEqual([])
  })

  test('the server is away while the worker stops: it stops all the same', async () => {
    const { server, flow } = await open()
    await flow.hold(10)
    await server.kill()
    flow.letGo()
    const begun = performance.now()
    await flow.worker.stop({ grace: 1000 })
    expect(performance.now() - begun).toBeLessThan(25_000)
  })
})

test('a half-open connection, which carries nothing and does not end, is noticed by workers, callers and readiness, and replaced', {
  timeout: LIMIT,
}, async ({ annotate }) => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  const proxy = await startProxy({ port: server.port })
  onTestFinished(() => proxy.stop())
  const busy = await flowing(server.url(), proxy.url(server.url()), SLOW)
  const caller = await flowing(proxy.url(server.url(1)), server.url(1), SLOW)
  const idle = new Flow({ producer: server.url(2), worker: proxy.url(server.url(2)), lease: LEASE })
  onTestFinished(() => idle.close())
  await idle.worker.start()
  await idle.once(SOON)

  const begun = performance.now()
  const since = (): number => Math.round(performance.now() - begun)
  proxy.halfOpen()
  await until('the busy worker says so', () => busy.worker.problem !== undefined, 10_000)
  await annotate(`a busy worker noticed after ${since()} ms`)
  const readiness = busy.app.queueSize().catch((error: unknown) => error)
  await until('the idle worker says so', () => idle.worker.problem !== undefined, 15_000)
  await annotate(`an idle worker noticed after ${since()} ms`)
  await until('calls reject', () => caller.refused.length > 0, 15_000)
  await annotate(`calls rejected after ${since()} ms`)
  await sleep(Math.max(0, 12_000 - since()))
  expect(busy.worker.problem).toBeInstanceOf(StoreUnavailableError)
  expect(idle.worker.problem).toBeInstanceOf(StoreUnavailableError)
  expect(caller.refused[0]).toBeInstanceOf(StoreUnavailableError)
  expect(await readiness).toBeInstanceOf(StoreUnavailableError)

  proxy.resume()
  await Promise.all([busy, idle, caller].map(healthy))
  expect(await busy.app.queueSize()).toBeGreaterThanOrEqual(0)
  await Promise.all([busy, caller].map((flow) => flow.finish(BACK)))
  expect(caller.most).toBe(1)
  // It could not renew its leases.
  expect(busy.most).toBeLessThanOrEqual(2)
})
