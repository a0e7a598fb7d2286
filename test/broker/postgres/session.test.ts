import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { register } from '../../../src/stores/postgres/broker/leases.ts'
import { queueChannel } from '../../../src/stores/postgres/connection/listening.ts'
import { PostgresServer } from '../../postgres/server.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { proxied } from '../../proxied.ts'
import { eventually } from '../../wait.ts'
import { Tables } from './tables.ts'

const LEASE = 1000

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('notifications', () => {
  test('arrive in order, with their payloads, until the listener ends', async () => {
    const tables = await Tables.open(await emptyPostgres())
    const session = tables.session(LEASE)
    const heard: (string | undefined)[] = []
    const others: (string | undefined)[] = []
    const off = await session.on('celeriac.results', (payload) => heard.push(payload))
    const same = await session.on('celeriac.results', (payload) => others.push(payload))
    await session.on(queueChannel('celeriac', 'q'), (payload) => heard.push(`q${payload}`))
    for (const payload of ['1', '2', '', '3']) await tables.notify('celeriac.results', payload)
    await tables.notify(queueChannel('celeriac', 'q'), 'd')
    await eventually(async () => heard, (all) => all.length === 5)
    expect(heard).toEqual(['1', '2', '', '3', 'qd'])
    off()
    await tables.notify('celeriac.results', '4')
    await eventually(async () => others, (all) => all.length === 5)
    expect(heard.length).toBe(5)
    same()
    expect(session.pushes).toBe(true)
  })
  test('latency', async () => {
    const tables = await Tables.open(await emptyPostgres())
    const session = tables.session(LEASE)
    let heard = Promise.withResolvers<void>()
    await session.on('celeriac.results', () => heard.resolve())
    const times: number[] = []
    for (let i = 0; i < 200; i++) {
      heard = Promise.withResolvers<void>()
      const t = performance.now()
      await Promise.all([tables.notify('celeriac.results', 'x'), heard.promise])
      times.push(performance.now() - t)
    }
    times.sort((a, b) => a - b)
    console.log(times[100], times[180])
  })
})
