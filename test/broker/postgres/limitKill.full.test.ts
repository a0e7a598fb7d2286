import { expect, onTestFinished, test } from 'vitest'
import { pause, until } from '../../../src/testing/kit.ts'
import { atOnce, heldOf, numbered, sendLimited } from '../../../src/testing/limitFixture.ts'
import { emptyPostgres, query } from '../../postgres/shared.ts'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'
import { Child } from '../sqlite/child.ts'

const LEASE = 1000

test('workers that are killed: never more than the limit is held, each permit returns, and all messages are done', {
  timeout: 90_000,
}, async () => {
  const url = await emptyPostgres()
  const broker = new StandalonePostgresBroker(url, { lease: LEASE })
  onTestFinished(() => broker.close())
  const [most, count] = [3, 400]
  await broker.limits.define([atOnce('key', most)])
  await Promise.all(numbered('m', count).map((id, at) => sendLimited(broker, 'q', id, [['key', at % 3 ? 'a' : 'b']])))
  const take = (): Child => {
    const child = new Child('postgresTaker.ts', [url, 'q', LEASE, 100])
    onTestFinished(() => child.kill())
    return child
  }
  const children = [take(), take()]
  let held = 0
  let isDone = false
  const watching = (async () => {
    while (!isDone) {
      const rows = await query<{ count: string }>(url, `SELECT count(*) FROM celeriac.claim GROUP BY lane`)
      held = Math.max(held, ...rows.map((row) => Number(row.count)))
      await pause(10)
    }
  })()
  for (let kill = 0; kill < 6; kill++) {
    await until('one holds messages', () => children.some(({ said }) => said.length > 0))
    await pause(100 + 300 * Math.random())
    children.sort((one, other) => other.said.length - one.said.length)
    await children.shift()?.kill()
    children.push(take())
  }
  await until('all are done', async () => {
    const [row] = await query<{ count: string }>(url, 'SELECT count(*) FROM celeriac.message')
    return row?.count === '0'
  })
  isDone = true
  await watching
  expect(held).toBe(most)
  expect([await heldOf(broker.limits, 'key', 'a'), await heldOf(broker.limits, 'key', 'b')]).toEqual([0, 0])
  await until('nothing is left', async () => {
    const tables = ['lane', 'lane_limit', 'limiter', 'claim'].map((name) => `SELECT FROM celeriac.${name}`)
    return (await query(url, tables.join(' UNION ALL '))).length === 0
  })
})
