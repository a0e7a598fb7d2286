import { DatabaseSync } from 'node:sqlite'
import { expect, it, onTestFinished } from 'vitest'
import type { Consumer, Delivery } from '../../../src/broker/broker.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { sendLimited } from '../../../src/testing/limitFixture.ts'
import { openSqliteParts, type SqliteParts } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

interface Place extends SqliteParts {
  readonly path: string
  readonly consumer: Consumer
  /** Messages of the lanes `a` and `b`, in turn, which a consumer holds that takes no more. */
  readonly held: readonly Delivery[]
  /** How many are held of each key; checked against the messages that are there. */
  counted(): Record<string, number>
}

async function hold(count: number): Promise<Place> {
  const folder = new Folder()
  const parts = openSqliteParts(folder.url(), { lease: 30_000, expires: 60_000, serializer: 'json', accept: ['json'] })
  onTestFinished(async () => {
    await parts.close()
    folder.remove()
  })
  const { broker, file } = parts
  await broker.limits.define([{ name: 'key', concurrency: 100 }])
  for (let at = 0; at < count; at++) await sendLimited(broker, 'q', `held ${at}`, [['key', at % 2 ? 'b' : 'a']])
  const consumer = await broker.consume([{ name: 'q' }], { prefetch: count, name: 'celery@suite' })
  const held: Delivery[] = []
  for await (const delivery of consumer) if (held.push(delivery) === count) break
  consumer.prefetch(0)
  const idOf = (delivery: Delivery): string => String(idsOf([delivery])[0])
  held.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  const lanes = file.db.prepare(`SELECT key, held, messages,
      (SELECT count(*) FROM celeriac_message WHERE queue = name) AS there,
      (SELECT count(*) FROM celeriac_message WHERE queue = name AND owner > 0) AS owned
    FROM celeriac_lane AS lane JOIN celeriac_lane_limit AS need ON need.lane = lane.id
    JOIN celeriac_limiter AS limiter ON limiter.id = need.limiter ORDER BY key`)
  const counted = (): Record<string, number> => {
    const rows = lanes.all() as { key: string; held: number; messages: number; there: number; owned: number }[]
    for (const { held: taken, messages, there, owned } of rows) expect([taken, messages]).toEqual([owned, there])
    expect(file.db.prepare('SELECT at >= 0 AS isOver FROM celeriac_turn').get()).toEqual({ isOver: 1 })
    return Object.fromEntries(rows.map(({ key, held: taken }) => [key, taken]))
  }
  return { ...parts, path: folder.file(), consumer, held, counted }
}

it('what is settled in one transaction returns once, beside all else that the transaction does', async () => {
  const { broker, held, counted } = await hold(6)
  const [a, b, c] = held as [Delivery, Delivery, Delivery]
  await Promise.all(['waits', 'waits too'].map((id) => sendLimited(broker, 'q', id, [['key', 'a']])))
  const settled = [a.ack(), b.ack(), c.reject({ requeue: true }), broker.publish(envelopeOf('other'), toQueue('q'))]
  const [, , , , stale] = await Promise.all([...settled, a.ack(), broker.purge('q')])
  expect(stale).toBe(false)
  expect(counted()).toEqual({ a: 1, b: 2 })
  expect(await Promise.all(held.slice(3).map((one) => one.ack()))).toEqual([true, true, true])
  expect(counted()).toEqual({ a: 0, b: 0 })
})

it('a transaction that fails returns nothing, and what is settled after it returns once', async () => {
  const { file, held, counted } = await hold(4)
  const [a, b, ...rest] = held as [Delivery, Delivery, ...Delivery[]]
  const work = (): never => {
    throw new Error('a work that fails')
  }
  const [first, failed, second] = await Promise.allSettled([a.ack(), file.writer.write(work), b.ack()])
  expect([first, second]).toEqual(Array(2).fill({ status: 'fulfilled', value: true }))
  expect(failed.status).toBe('rejected')
  expect(counted()).toEqual({ a: 1, b: 1 })
  await Promise.all(rest.map((one) => one.ack()))
  expect(counted()).toEqual({ a: 0, b: 0 })
})

it('a claim of the same transaction takes what was returned', async () => {
  const { broker, consumer, held, counted } = await hold(2)
  await broker.limits.define([{ name: 'key', concurrency: 1 }])
  await sendLimited(broker, 'q', 'next', [['key', 'a']])
  consumer.prefetch(2)
  await held[0]?.ack()
  expect(counted()).toEqual({ a: 1, b: 1 })
})

it('what is completed in a transaction of the caller returns with it, and not where it is undone', async () => {
  const { path, unitOfWork, held, counted } = await hold(2)
  const client = new DatabaseSync(path)
  onTestFinished(() => client.close())
  const complete = async (delivery: Delivery | undefined, end: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
    if (!delivery) throw new Error('expected a delivery')
    const completion = await unitOfWork.completions.prepare({ delivery, end: 'ack' })
    client.exec('BEGIN')
    await unitOfWork.completions.write(client, completion)
    client.exec(end)
  }
  await complete(held[0], 'ROLLBACK')
  expect(counted()).toEqual({ a: 1, b: 1 })
  await complete(held[0], 'COMMIT')
  expect(counted()).toEqual({ a: 0, b: 1 })
  await complete(held[1], 'COMMIT')
  expect(counted()).toEqual({ a: 0, b: 0 })
})

/** As files have it whose first message with limits was written before. */
const TRIGGER_OF_BEFORE = `DROP TRIGGER celeriac_lane_left;
CREATE TRIGGER celeriac_lane_leave AFTER DELETE ON celeriac_message
WHEN old.queue > 'celeriac.lane.' AND old.queue < 'celeriac.lane/' BEGIN
  UPDATE celeriac_lane SET messages = messages - 1 WHERE name = old.queue;
  UPDATE celeriac_limiter SET held = held - need.count, wake = CASE WHEN waits = 1 THEN 0 ELSE wake END
    FROM celeriac_lane_limit AS need WHERE need.lane = (SELECT id FROM celeriac_lane WHERE name = old.queue)
    AND celeriac_limiter.id = +need.limiter AND need.count > 0 AND old.owner > 0;
END`

it('in a file whose trigger is that of before, everything returns once', async () => {
  const { file, held, counted } = await hold(6)
  file.db.exec(TRIGGER_OF_BEFORE)
  await Promise.all([held[0]?.ack(), held[1]?.ack()])
  expect(counted()).toEqual({ a: 2, b: 2 })
  await Promise.all([held[2]?.ack(), held[4]?.ack()])
  expect(counted()).toEqual({ a: 0, b: 2 })
})
