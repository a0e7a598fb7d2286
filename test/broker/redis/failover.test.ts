import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import { connectRedis, type RedisOptions } from '../../../src/stores/redis/connection/client.ts'
import type { RedisConnection, Script } from '../../../src/stores/redis/connection/connection.ts'
import { until } from '../../../src/testing/kit.ts'
import { RedisServer } from '../../redis/server.ts'

/** The master of those that become replicas. */
let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

function connect(url: string, options?: RedisOptions): RedisConnection {
  const connection = connectRedis(url, options)
  onTestFinished(() => connection.close())
  return connection
}

async function startOwn(options: Parameters<typeof RedisServer.start>[0]): Promise<RedisServer> {
  const own = await RedisServer.start(options)
  onTestFinished(() => own.stop())
  return own
}

const count: Script = { name: 'count', source: `return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}` }

describe('a server that becomes a replica', () => {
  test('the connection is made anew, as the master may be elsewhere', async () => {
    const own = await startOwn({ flags: ['--replica-read-only', 'yes'] })
    const redis = connect(own.url(), { wait: 2000 })
    let told = 0
    redis.onReconnect(() => told++)
    await redis.command('SET', 'a', '1')
    await own.cli('REPLICAOF', '127.0.0.1', String(server.port))
    const error = await redis.command('SET', 'a', '2').catch((reason: Error) => reason)
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect((error as Error).message).toMatch(/READONLY/)
    await until('reconnected', () => told > 0)
    await own.cli('REPLICAOF', 'NO', 'ONE')
    expect(await redis.command('SET', 'a', '2')).toBe('OK')
  })

  test('one that is the master again in time: what was refused is carried out once', async () => {
    const own = await startOwn({ flags: ['--replica-read-only', 'yes'] })
    const redis = connect(own.url())
    await redis.command('SET', 'n', '0')
    await own.cli('REPLICAOF', '127.0.0.1', String(server.port))
    const done: string[] = []
    const sent = [
      redis.command('INCR', 'n').then(() => done.push('command')),
      redis.script(count, ['n'], ['x']).then(() => done.push('script')),
    ]
    await until('seen that it is a replica', () => redis.problem !== undefined)
    expect(done).toEqual([])
    await own.cli('REPLICAOF', 'NO', 'ONE')
    await Promise.all(sent)
    expect(done.sort()).toEqual(['command', 'script'])
  })
})
