import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Clock, systemClock } from '../../../src/std/clock.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import { LaneSweeper } from '../../../src/stores/sqlite/broker/laneSweeper.ts'
import { Lanes } from '../../../src/stores/sqlite/broker/lanes.ts'
import { ackAll, envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { sendLimited } from '../../../src/testing/limitFixture.ts'
import { limitsSuite } from '../../../src/testing/suites/limitsSuite.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

const LEASE = 1_000

limitsSuite({ describe, it }, 'sqlite', async () => {
  const folder = new Folder()
  const open = (): SqliteBroker => new StandaloneSqliteBroker(folder.url(), { lease: LEASE })
  const broker = open()
  return {
    broker,
    second: async () => open(),
    loseOne: async (queue) => {
      const child = new Child('holder.ts', [folder.url(), LEASE, 1])
      await child.says('held 1')
      const waiting = await broker.size(queue)
      await child.kill()
      // The thread of its leases rescues.
      const consumer = await broker.consume([{ name: 'other' }], { prefetch: 1, name: 'celery@rescuer' })
      await until('it waits again', async () => (await broker.size(queue)) > waiting)
      await consumer.release()
    },
    close: async () => {
      await broker.close()
      folder.remove()
    },
  }
})

/** A broker on a file of its own; `clock`: for its limits. */
function openBroker(clock?: Clock): StandaloneSqliteBroker {
  const folder = new Folder()
  const broker = new StandaloneSqliteBroker(folder.url(), { lease: 30_000, ...(clock && { clock }) })
  onTestFinished(async () => {
    await broker.close()
    folder.remove()
  })
  return broker
}

it('messages without limits enter no code of limits, and prepare no statement of it', async () => {
  const methods = [
    ...(['enter', 'claim', 'next', 'hasOpen', 'hold', 'unblock'] as const).map((name) =>
      vi.spyOn(Lanes.prototype, name),
    ),
    ...(['soon', 'sweep'] as const).map((name) => vi.spyOn(LaneSweeper.prototype, name)),
  ]
  const prepared = vi.spyOn(DatabaseSync.prototype, 'prepare')
  onTestFinished(() => {
    vi.restoreAllMocks()
  })
  const broker = openBroker()
  const consumer = await broker.consume([{ name: 'q' }], { prefetch: 3, name: 'celery@suite' })
  const seen = new Set<string>()
  void ackAll(consumer, (id) => seen.add(id))
  for (let id = 0; id < 20; id++) await broker.publish(envelopeOf(String(id)), toQueue('q'))
  await until('all are done', () => seen.size === 20)
  expect(methods.flatMap((method) => method.mock.calls)).toEqual([])
  const statements = prepared.mock.calls.map(([sql]) => sql).filter((sql) => /celeriac_(?:limit|lane|turn)/.test(sql))
  // What tells that the file has limits, beside the next delayed message.
  expect(statements).toEqual([expect.stringMatching(/AS due,\s+EXISTS \(SELECT 1 FROM celeriac_limiter\) AS limited$/)])
  const triggers = broker.file.db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()
  const names = ['result_dropped', 'dead_letter_kept', 'dead_letter_dropped']
  expect(triggers).toEqual(names.map((name) => ({ name: `celeriac_${name}` })))
})

it('keys that came once leave nothing behind', async () => {
  // What waits in the background waits a thousandth of its time.
  const after: Clock['after'] = (ms, wake, background) =>
    systemClock.after(background ? ms / 1000 : ms, wake, background)
  const broker = openBroker({ now: systemClock.now, after })
  await broker.limits.define([{ name: 'key', concurrency: 1, rate: { interval: 5, burst: 2 } }])
  const ids = Array.from({ length: 300 }, (_, at) => String(at))
  await Promise.all(ids.map((id) => sendLimited(broker, 'q', id, [['key', id]])))
  const consumer = await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' })
  const seen = new Set<string>()
  void ackAll(consumer, (id) => seen.add(id))
  await until('all are done', () => seen.size === ids.length)
  const { db } = broker.file
  const rows = db.prepare(`SELECT (SELECT count(*) FROM celeriac_lane) + (SELECT count(*) FROM celeriac_lane_limit)
    + (SELECT count(*) FROM celeriac_limiter) AS n`)
  await until('nothing is left', () => rows.get()?.n === 0)
  await sendLimited(broker, 'q', 'again', [['key', '1']])
  await until('it comes', () => seen.has('again'))
})

it('what is held back for ever stops nothing else', async () => {
  const broker = openBroker()
  const consumer = await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' })
  const seen = new Set<string>()
  void ackAll(consumer, (id) => seen.add(id))
  for (const moment of [Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
    await broker.limits.holdBack({ rule: 'api', key: String(moment) }, moment)
    await sendLimited(broker, 'q', `held back until ${moment}`, [['api', String(moment)]])
    await sendLimited(broker, 'q', `beside ${moment}`, ['other'])
    await until(`what is beside ${moment} comes`, () => seen.has(`beside ${moment}`))
  }
  expect(await broker.size('q')).toBe(2)
})

it('a transient queue ends with its lanes', async () => {
  const broker = openBroker()
  const queue = { name: 'own', transient: true, bindings: [{ exchange: 'news', kind: 'fanout' as const }] }
  const consumer = await broker.consume([queue], { prefetch: 0, name: 'celery@suite' })
  await sendLimited(broker, 'own', '1', ['one'])
  expect(await broker.size('own')).toBe(1)
  await consumer.release()
  expect(broker.file.db.prepare('SELECT count(*) AS n FROM celeriac_message').get()).toEqual({ n: 0 })
})
