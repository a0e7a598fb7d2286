import { expect, it, onTestFinished } from 'vitest'
import { until } from '../../../src/testing/kit.ts'
import { sendLimited } from '../../../src/testing/limitFixture.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { isFull } from '../../tier.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

const LEASE = 500
const KEYS = ['a', 'b', 'c']
/** Messages of each key before each kill. */
const EACH = 20
const CONCURRENCY = 2
const RATE = { interval: 25, burst: 3 }
const KILLS = isFull ? 8 : 2

it('workers that are killed return what they held: never more at once, nor more often, and all is done', async () => {
  const folder = new Folder()
  const broker = new StandaloneSqliteBroker(folder.url(), { lease: LEASE })
  const children: Child[] = []
  onTestFinished(async () => {
    await Promise.all(children.map((child) => child.kill()))
    await broker.close()
    folder.remove()
  })
  await broker.limits.define([{ name: 'key', concurrency: CONCURRENCY, rate: RATE }])
  const send = async (): Promise<void> => {
    for (let at = 0; at < EACH; at++)
      for (const key of KEYS) await sendLimited(broker, 'q', `${key}${at}`, [['key', key]])
  }
  await send()
  const { db } = broker.file
  // Each claim, by the transaction itself.
  db.exec(`CREATE TABLE test_claim (lane TEXT, at REAL);
    CREATE TRIGGER test_claimed AFTER UPDATE OF owner ON celeriac_message WHEN new.owner > 0 AND old.owner IS NULL
    BEGIN INSERT INTO test_claim VALUES (new.queue, unixepoch('subsec') * 1000); END`)
  const held = db.prepare(`SELECT queue, count(*) AS n, (
      SELECT held FROM celeriac_limiter JOIN celeriac_lane_limit AS need ON need.limiter = celeriac_limiter.id
      JOIN celeriac_lane ON celeriac_lane.id = need.lane WHERE celeriac_lane.name = celeriac_message.queue
    ) AS counted FROM celeriac_message WHERE owner > 0 GROUP BY queue`)
  let most = 0
  /** How many messages are held. */
  const look = async (): Promise<number> => {
    const rows = await broker.file.read(() => held.all())
    for (const { n, counted } of rows) expect(counted).toBe(n)
    most = Math.max(most, ...rows.map(({ n }) => Number(n)))
    return rows.length
  }

  const start = async (): Promise<void> => {
    const child = new Child('limitWorker.ts', [folder.url(), LEASE])
    children.push(child)
    await child.says('ready')
  }
  await Promise.all([start(), start()])
  for (let kills = 0; kills < KILLS; kills++) {
    await send()
    await until('messages are held', async () => (await look()) > 1)
    await Promise.all([children[kills]?.kill(), start()])
  }
  const messages = db.prepare('SELECT count(*) AS n FROM celeriac_message')
  await until('all is done', async () => (await look()) === 0 && messages.get()?.n === 0, 20_000)
  expect(most).toBe(CONCURRENCY)
  const claims = db.prepare('SELECT at FROM test_claim WHERE lane = ? ORDER BY at')
  for (const { lane } of db.prepare('SELECT DISTINCT lane FROM test_claim').all()) {
    const moments = claims.all(lane as string).map(({ at }) => Number(at))
    expect(moments.length).toBeGreaterThanOrEqual(EACH * (KILLS + 1))
    for (const [from, first] of moments.entries()) {
      // The moment of a claim is read a moment before it is written.
      const allowed = (at: number): number => RATE.burst + (at - first + 25) / RATE.interval
      for (const [index, at] of moments.slice(from).entries()) expect(index + 1).toBeLessThanOrEqual(allowed(at))
    }
  }
}, 60_000)
