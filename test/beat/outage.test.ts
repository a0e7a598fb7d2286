import { expect, test } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import { until, useLab } from '../app/lab.ts'
import { RedisServer } from '../redis/server.ts'

const lab = useLab('memory')

test('Redis away and back: the beat goes on, also with what changes then', async () => {
  const server = await RedisServer.start({ appendonly: true })
  lab().after(() => server.stop())
  const app = lab().app({ broker: server.url(), storeTimeout: '300ms' })
  const sent: string[] = []
  const errors: unknown[] = []
  app.on('beat:sent', ({ entry, fire }) => sent.push(`${entry} ${fire.toISOString()}`))
  app.on('beat:error', ({ error }) => errors.push(error))
  schedulesOf(app).define('ticks', every('200ms'), 'work')
  const beat = new Beat(app)
  lab().after(() => beat.stop())
  await beat.start()
  await until(() => sent.length > 2)
  await server.kill()
  await until(() => errors.length > 0)
  const before = sent.length
  await server.start()
  await until(() => sent.length > before + 2)
  const other = lab().app({ broker: server.url() })
  await schedulesOf(other).add('late', every('200ms'), 'work')
  await until(() => sent.some((text) => text.startsWith('late ')))
  await beat.stop()
  // One whose sending was not confirmed is told of twice, and sent once.
  expect(await app.queueSize()).toBe(new Set(sent).size)
})

test('Redis comes back empty: what the code defines goes on', async () => {
  const server = await RedisServer.start({ appendonly: true })
  lab().after(() => server.stop())
  const app = lab().app({ broker: server.url(), storeTimeout: '300ms' })
  let sent = 0
  app.on('beat:sent', () => sent++)
  schedulesOf(app).define('ticks', every('200ms'), 'work')
  const beat = new Beat(app)
  lab().after(() => beat.stop())
  await beat.start()
  await until(() => sent > 0)
  await server.restart({ keepData: false })
  const before = sent
  await until(() => sent > before + 2)
})

test('a beat that cannot reach its store at the start says so', async () => {
  const app = lab().app({ broker: 'redis://127.0.0.1:1/0', storeTimeout: '200ms' })
  await expect(new Beat(app).start()).rejects.toThrow(/redis:\/\/127\.0\.0\.1:1\/0/)
})
