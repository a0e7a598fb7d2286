import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Clock } from '../../../src/std/clock.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { idsOf } from '../../../src/testing/factories.ts'
import { sendLimited } from '../../../src/testing/limitFixture.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

const HOUR = 3_600_000
let ahead = 0
let folder: Folder
let broker: StandaloneSqliteBroker
const clock: Clock = { now: () => Date.now() + ahead, after: systemClock.after }

beforeEach(() => {
  ahead = 0
  folder = new Folder()
  broker = new StandaloneSqliteBroker(folder.url(), { lease: 30_000, clock })
})

afterEach(async () => {
  await broker.close()
  folder.remove()
})

const read = async (): Promise<Reader> =>
  new Reader(await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@suite' }))

it('a clock that is set back by an hour blocks no longer: what is held back, and what is over its rate', async () => {
  await broker.limits.define([{ name: 'rate', rate: { interval: 300, burst: 2 } }])
  await broker.limits.holdBack({ rule: 'api', key: '' }, clock.now() + 300)
  for (const id of ['1', '2', '3']) await sendLimited(broker, 'q', id, ['rate'])
  await sendLimited(broker, 'q', 'api', ['api'])
  const reader = await read()
  expect(idsOf(await reader.take(2))).toEqual(['1', '2'])
  ahead = -HOUR
  expect(idsOf(await reader.take(2)).sort()).toEqual(['3', 'api'])
})

it('by a clock that is set forward by an hour the bucket is full once more', async () => {
  await broker.limits.define([{ name: 'rate', rate: { interval: HOUR / 2, burst: 1 } }])
  for (const id of ['1', '2', '3']) await sendLimited(broker, 'q', id, ['rate'])
  const reader = await read()
  expect(idsOf(await reader.take(1))).toEqual(['1'])
  await reader.nothing()
  ahead = HOUR
  await sendLimited(broker, 'q', 'other', ['other'])
  expect(idsOf(await reader.take(2)).sort()).toEqual(['2', 'other'])
  await reader.nothing()
})

it('a breaker that is open when the clock is set back opens for one, and is closed by its end', async () => {
  const api = { rule: 'api', key: '' }
  await broker.limits.define([{ name: 'api', breaker: { failures: 1, within: 1000, pause: 200 } }])
  await broker.limits.report([{ ...api, ok: false }])
  for (const id of ['1', '2']) await sendLimited(broker, 'q', id, ['api'])
  const reader = await read()
  ahead = -HOUR
  expect(idsOf(await reader.take(1))).toEqual(['1'])
  await reader.nothing()
  expect((await broker.limits.report([{ ...api, ok: true }]))[0]?.state).toBe('closed')
  expect(idsOf(await reader.take(1))).toEqual(['2'])
})
