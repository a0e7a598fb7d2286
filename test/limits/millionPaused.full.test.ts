import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { sendLimited, type Use } from '../../src/testing/limitFixture.ts'
import { Reader } from '../../src/testing/reader.ts'
import { PostgresServer } from '../postgres/server.ts'
import { StandalonePostgresBroker } from '../postgres/standalone.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBroker, StandaloneSqliteBroker } from '../stores/standalone.ts'

/*
 * A customer is paused and has a million messages in the queue: a message of another customer is delivered as quickly
 * as from an empty queue. Both are measured in turns, so that other load of the machine slows both.
 */

const PAUSED = 1_000_000
/** Messages that are sent at once, while the queue is filled. */
const BATCH = 2000
/** Messages that are measured; as many come before, for the plans and code that the first ones need. */
const MEASURED = 200
const OPTIONS = { lease: 60_000 }
const OF_PAUSED: readonly Use[] = [['tenant', 'paused']]
const OF_OTHER: readonly Use[] = [['tenant', 'other']]

interface Opened {
  readonly empty: Broker
  readonly full: Broker
}

async function onSqlite(): Promise<Opened> {
  // Not below /tmp, which may be memory.
  const folder = await mkdtemp('/var/tmp/celeriac-paused-')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const open = (name: string) => new StandaloneSqliteBroker(`sqlite:${join(folder, name)}`, OPTIONS)
  return { empty: open('empty.db'), full: open('full.db') }
}

async function onRedis(): Promise<Opened> {
  const open = async () => {
    const server = await RedisServer.start()
    onTestFinished(() => server.stop())
    return new StandaloneRedisBroker(server.url(), { ...OPTIONS, visibilityTimeout: 3_600_000 })
  }
  return { empty: await open(), full: await open() }
}

async function onPostgres(): Promise<Opened> {
  // The planner knows nothing of a backlog that came within the last minute, before autovacuum has seen it.
  const settings = { autovacuum: 'off', max_wal_size: '4GB' }
  const server = await PostgresServer.start({ settings, durable: true })
  onTestFinished(() => server.stop())
  const open = async () => new StandalonePostgresBroker(await server.empty(), OPTIONS)
  return { empty: await open(), full: await open() }
}

/** ms from the call that publishes a message to its delivery, of each in turn. */
async function latencies(brokers: readonly Broker[]): Promise<number[][]> {
  const all = await Promise.all(
    brokers.map(async (broker) => ({
      broker,
      consumer: await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'w' }),
      times: [] as number[],
    })),
  )
  const read = all.map(({ consumer }) => new Reader(consumer))
  for (let count = 0; count < 2 * MEASURED; count++) {
    for (const [at, { broker, times }] of all.entries()) {
      const begun = performance.now()
      await sendLimited(broker, 'q', `m${count}`, OF_OTHER)
      const delivery = await (read[at] as Reader).next()
      times.push(performance.now() - begun)
      expect(delivery.envelope.properties.correlationId).toBe(`m${count}`)
      await delivery.ack()
    }
  }
  for (const { consumer } of all) await consumer.release()
  return all.map(({ times }) => times.slice(MEASURED).sort((one, other) => one - other))
}

async function fill(broker: Broker): Promise<void> {
  await broker.limits?.pause({ rule: 'tenant', key: 'paused' })
  for (let sent = 0; sent < PAUSED; sent += BATCH)
    await Promise.all(Array.from({ length: BATCH }, (_, at) => sendLimited(broker, 'q', `p${sent + at}`, OF_PAUSED)))
}

const at = (sorted: readonly number[], part: number): number => sorted[Math.floor(sorted.length * part)] as number

describe.each([
  ['sqlite', onSqlite],
  ['redis', onRedis],
  ['postgres', onPostgres],
])(`behind ${PAUSED} messages of a paused key`, (name, open) => {
  it(`a message of another key comes as from an empty queue (${name})`, { timeout: 900_000 }, async () => {
    const { empty, full } = await open()
    // The plans that are made while the queue is short stay in use.
    await latencies([empty, full])
    await fill(full)
    const [short, long] = (await latencies([empty, full])) as [number[], number[]]
    expect(await full.size('q')).toBe(PAUSED)
    await Promise.all([empty.close(), full.close()])
    const figures = [short, long].map(
      (times) => `p50 ${at(times, 0.5).toFixed(2)}, p90 ${at(times, 0.9).toFixed(2)} ms`,
    )
    const ratio = at(long, 0.5) / at(short, 0.5)
    console.info(`${name}: empty ${figures[0]}; ${PAUSED} paused ${figures[1]}; ratio of p50 ${ratio.toFixed(2)}`)
    expect(ratio).toBeLessThan(1.5)
    expect(at(long, 0.9) / at(short, 0.9)).toBeLessThan(2)
  })
})
