import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/std/clock.ts'
import { tidy } from '../../../src/stores/postgres/broker/leases.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { stays } from '../../../src/testing/kit.ts'
import { atOnce, numbered, sendLimited } from '../../../src/testing/limitFixture.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { emptyPostgres, query } from '../../postgres/shared.ts'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'
import { Tables } from './tables.ts'

const LEASE = 1000

function open(url: string, clock = systemClock): StandalonePostgresBroker {
  const broker = new StandalonePostgresBroker(url, { lease: LEASE, clock })
  onTestFinished(() => broker.close())
  return broker
}

async function reader(broker: StandalonePostgresBroker, prefetch = 10): Promise<Reader> {
  return new Reader(await broker.consume([{ name: 'q' }], { prefetch, name: 'celery@test' }))
}

test('a clock that is set back or forward by an hour starves nothing', { timeout: 60_000 }, async () => {
  let offset = 0
  const clock = { ...systemClock, now: () => Date.now() + offset }
  const broker = open(await emptyPostgres(), clock)
  await broker.limits.define([{ name: 'r', rate: { interval: 400, burst: 2 } }])
  for (const id of numbered('', 8)) await sendLimited(broker, 'q', id, [['r', 'k']])
  const read = await reader(broker)
  for (const hours of [0, -1, 1]) {
    offset += hours * 3_600_000
    const started = performance.now()
    for (const delivery of await read.take(2)) await delivery.ack()
    expect(performance.now() - started, `two after ${hours} h`).toBeLessThan(10_000)
  }
  const [state] = await broker.limits.states([{ rule: 'r', key: 'k' }])
  expect((state?.until ?? 0) - clock.now()).toBeLessThanOrEqual(800)
})

test('what a process of an earlier version does to held messages returns their permits, and opens their lanes', async () => {
  const url = await emptyPostgres()
  const broker = open(url)
  await broker.limits.define([atOnce('one', 1)])
  for (const id of ['1', '2', '3']) await sendLimited(broker, 'q', id, ['one'])
  const read = await reader(broker)
  expect(idsOf([await read.next()])).toEqual(['1'])
  // As version 1 rescues, drops and promotes: it knows neither lanes nor limits.
  await query(
    url,
    `WITH gone AS (DELETE FROM celeriac.claim RETURNING seq)
    UPDATE celeriac.message SET claims = claims + 1, lost = lost + 1 WHERE seq IN (SELECT seq FROM gone)`,
  )
  const again = await read.next()
  expect([again.lost, ...idsOf([again])]).toEqual([1, '1'])
  await query(
    url,
    `WITH gone AS (DELETE FROM celeriac.claim RETURNING seq)
    DELETE FROM celeriac.message WHERE seq IN (SELECT seq FROM gone)`,
  )
  expect(idsOf([await read.next()])).toEqual(['2'])
  await sendLimited(broker, 'q', 'later', [['none', 'x']], { notBefore: Date.now() + 3_600_000 })
  await query(url, 'UPDATE celeriac.message SET due = NULL WHERE due IS NOT NULL')
  expect(idsOf([await read.next()])).toEqual(['later'])
})

test('messages without limits call no function of limits', async () => {
  const url = await emptyPostgres()
  const broker = open(url)
  const read = await reader(broker, 50)
  await query(
    url,
    `DO $$ DECLARE text text; BEGIN
      FOR text IN SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'celeriac'::regnamespace
        AND proname ~ 'lane|limit|claim_ended|report_end' LOOP
        EXECUTE regexp_replace(text, '\\$function\\$.*\\$function\\$',
          '$function$ BEGIN RAISE EXCEPTION ''called''; END $function$');
      END LOOP;
    END $$`,
  )
  await expect(broker.limits.pause({ rule: 'r', key: '' })).rejects.toThrow('called')
  for (const id of numbered('', 20)) await broker.publish(envelopeOf(id), toQueue('q'), {})
  await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 100 })
  for (const [at, delivery] of (await read.take(21)).entries()) {
    expect(delivery.limited).toBe(false)
    await (at === 0 ? delivery.reject({ requeue: true }) : delivery.ack())
  }
  expect(await (await read.next()).ack()).toBe(true)
})

test('lanes that are empty and limits that are idle are dropped, and no others', async () => {
  const tables = await Tables.open(await emptyPostgres(), onTestFinished)
  const broker = open(tables.url)
  await sendLimited(broker, 'q', 'waits', [['r', 'used']])
  await sendLimited(broker, 'q', 'later', [['r', 'later']], { notBefore: Date.now() + 3_600_000 })
  await broker.limits.pause({ rule: 'r', key: 'paused' })
  await sendLimited(broker, 'purged', 'gone', [['r', 'gone']])
  await broker.purge('purged')
  await tables.sql(
    `INSERT INTO celeriac.limiter (rule, key, full_at) SELECT 'r', n::text, n FROM generate_series(1, 1200) AS n`,
  )
  await tables.sql(`INSERT INTO celeriac.limiter (rule, key, full_at) SELECT 'r', 'full soon', $1::float8`, Date.now())
  await tidy(tables.database, { lane: '0', limiter: '0' })
  const left = await tables.sql('SELECT key FROM celeriac.limiter ORDER BY key')
  expect(left.flat()).toEqual(['full soon', 'later', 'paused', 'used'])
  expect((await tables.sql('SELECT queue FROM celeriac.lane')).flat()).toEqual(['q', 'q'])
})

test('claims of one task do not wait for each other, a pause of it waits for both, and holds from then on', async () => {
  const url = await emptyPostgres()
  const broker = open(url)
  const task = { rule: 'task:t', key: '' }
  for (const key of ['a', 'b', 'c']) {
    const uses = [[task.rule, '', 0] as const, ['task:t:key', key] as const]
    await sendLimited(broker, 'q', key, uses)
  }
  const clients = await Promise.all([1, 2].map(() => session(url)))
  const claim = async (client: pg.Client): Promise<unknown[]> => {
    const { rows } = await client.query<{ id: unknown }>(
      `INSERT INTO celeriac.consumer (name, lease, lease_until) VALUES ('test', 60000, now() + interval '1 minute') RETURNING id`,
    )
    const text = "SELECT task_id FROM celeriac.claim_lanes($1, '{q}', 1, 1, 1, $2, NULL) WHERE seq IS NOT NULL"
    const claimed = await client.query<{ task_id: string }>(text, [rows[0]?.id, Date.now()])
    return claimed.rows.map(({ task_id }) => task_id)
  }
  for (const client of clients) await client.query("SET lock_timeout = '5s'; BEGIN")
  expect([await claim(clients[0] as pg.Client), await claim(clients[1] as pg.Client)]).toEqual([['a'], ['b']])
  let isPaused = false
  const paused = broker.limits.pause(task).then(() => {
    isPaused = true
  })
  for (const client of clients) {
    await stays(paused)
    expect(isPaused).toBe(false)
    await client.query('COMMIT')
  }
  await paused
  const read = await reader(broker)
  await read.nothing()
  await broker.limits.resume(task)
  expect(idsOf([await read.next()])).toEqual(['c'])
})

async function session(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
