import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectRedis, type RedisOptions } from '../../../src/stores/redis/connection/client.ts'
import type { RedisConnection } from '../../../src/stores/redis/connection/connection.ts'
import { until } from '../../../src/testing/kit.ts'
import { RedisServer } from '../../redis/server.ts'

let server: RedisServer

beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

function connect(options?: RedisOptions): RedisConnection {
  const connection = connectRedis(server.url(), options)
  onTestFinished(() => connection.close())
  return connection
}

test('messages of channels as bytes, by name and by pattern, until ended', async () => {
  const redis = connect()
  const heard: string[] = []
  const ends = await Promise.all([
    redis.subscribe('news', (message) => heard.push(`1 ${message.toString('latin1')}`)),
    redis.subscribe('news', (message) => heard.push(`2 ${message.toString('latin1')}`)),
    redis.subscribePattern('n*', (message, channel) => heard.push(`${channel} ${message.toString('latin1')}`)),
  ])
  expect(await redis.command('PUBLISH', 'news', Uint8Array.of(0xff))).toBe(2)
  await until('all received it', () => heard.length === 3)
  expect(heard.sort()).toEqual(['1 \xff', '2 \xff', 'news \xff'])
  await ends[0]?.()
  expect(await redis.command('PUBSUB', 'NUMSUB', 'news')).toEqual(['news', 1])
  await Promise.all(ends.map((end) => end()))
  expect(await redis.command('PUBLISH', 'news', 'x')).toBe(0)
})

test('channels are kept over CLIENT KILL, and reconnections are notified', async () => {
  const redis = connect({ name: 'killed' })
  const heard: string[] = []
  let notified = 0
  redis.onReconnect(() => notified++)
  await redis.subscribe('kept', (message) => heard.push(message.toString()))
  await redis.command('PING')
  await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until('notified of the subscription', () => notified === 1)
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await until('notified of both', () => notified === 2)
  expect(await redis.command('PUBLISH', 'kept', 'again')).toBe(1)
  await until('received', () => heard.includes('again'))
  expect(redis.problem).toBeUndefined()
})

test('many channels with few commands: some of them end, and other listeners stay', async () => {
  const redis = connect()
  const heard: string[] = []
  const names = Array.from({ length: 2500 }, (_, at) => `many-${at}`)
  const commands = async (verb: string): Promise<number> =>
    Number(new RegExp(`cmdstat_${verb}:calls=(\\d+)`).exec(await server.cli('INFO', 'commandstats'))?.[1] ?? 0)
  const before = await commands('subscribe')
  const [end] = await Promise.all([
    redis.subscribeAll(names, (message, channel) => heard.push(`${channel} ${message.toString()}`)),
    redis.subscribe('many-7', (message) => heard.push(`other ${message.toString()}`)),
  ])
  expect((await commands('subscribe')) - before).toBeLessThanOrEqual(4)
  for (const channel of ['many-0', 'many-7', 'many-2499']) await redis.command('PUBLISH', channel, 'a')
  await until('all received it', () => heard.length === 4)
  expect(heard.sort()).toEqual(['many-0 a', 'many-2499 a', 'many-7 a', 'other a'])
  await end(names.slice(1, 2400))
  expect(await redis.command('PUBSUB', 'NUMSUB', 'many-0', 'many-1', 'many-7', 'many-2400')).toEqual([
    'many-0',
    1,
    'many-1',
    0,
    'many-7',
    1,
    'many-2400',
    1,
  ])
  heard.length = 0
  await redis.command('PUBLISH', 'many-7', 'b')
  await redis.command('PUBLISH', 'many-2400', 'b')
  await until('both received it', () => heard.length === 2)
  expect(heard.sort()).toEqual(['many-2400 b', 'other b'])
  // What has ended already is no error.
  await end(names)
  expect(await redis.command('PUBSUB', 'CHANNELS', 'many-*')).toEqual(['many-7'])
})
