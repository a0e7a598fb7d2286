import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { ConfigError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { connectRedis } from '../../src/stores/redis/connection/client.ts'
import type { RedisConnection } from '../../src/stores/redis/connection/connection.ts'
import { migrateRedis, REDIS_STEPS, type RedisStep } from '../../src/stores/redis/layout.ts'
import { RedisServer } from '../redis/server.ts'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start({ flags: ['--save', '900 1'] })
})
afterAll(() => server.stop())
beforeEach(() => server.cli('FLUSHALL'))

const EXPAND: readonly RedisStep[] = [
  ...REDIS_STEPS,
  {
    version: 2,
    minCompatible: 1,
    describe: 'a key more',
    run: async (connection) => void (await connection.command('set', 'p:celeriac.more', '1')),
  },
]
const CONTRACT: readonly RedisStep[] = [
  ...EXPAND,
  { version: 3, minCompatible: 2, describe: 'a key less', run: () => undefined },
]

function open(): RedisConnection {
  const connection = connectRedis(server.url())
  onTestFinished(() => connection.close())
  return connection
}

function appOf(options: Pick<CeleriacOptions, 'storeTimeout'> = {}): App {
  const app = new App({ broker: server.url(), keyPrefix: 'p:', logger: createLogger('silent'), ...options })
  onTestFinished(() => app.close())
  return app
}

const recorded = (): Promise<string> => server.cli('HGETALL', 'p:celeriac.meta')

describe('the layout of what celeriac keeps in Redis', () => {
  it('a store without the hash has version 1; using it writes no hash', async () => {
    const app = appOf()
    await app.send('task')
    expect(await app.migrate({ print: true })).toEqual([
      { store: server.url(), from: 1, to: 1, minCompatible: 1, steps: [] },
    ])
    await app.migrate()
    expect(await recorded()).toBe('')
  })

  it('a step that expands: the version before goes on; printing changes nothing', async () => {
    const old = appOf()
    await old.send('task')
    const text = { version: 2, minCompatible: 1, describe: 'a key more' }
    const migration = { from: 1, to: 2, minCompatible: 1, steps: [text] }
    expect(await migrateRedis(open(), 'p:', true, EXPAND)).toEqual(migration)
    expect([await recorded(), await server.cli('GET', 'p:celeriac.more')]).toEqual(['', ''])
    expect(await migrateRedis(open(), 'p:', false, EXPAND)).toEqual(migration)
    expect((await recorded()).split('\n')).toEqual(['version', '2', 'minCompatible', '1'])
    await old.send('task')
    await appOf().send('task')
    expect(await old.queueSize()).toBe(3)
    expect(await migrateRedis(open(), 'p:', false, EXPAND)).toMatchObject({ from: 2, steps: [] })
    // And is left as it is by the version before.
    await old.migrate()
    expect((await recorded()).split('\n')).toEqual(['version', '2', 'minCompatible', '1'])
  })

  it('a step that contracts: the version that it leaves behind is refused by each new connection', async () => {
    await Promise.all([1, 2, 3].map(() => migrateRedis(open(), 'p:', false, CONTRACT)))
    expect((await recorded()).split('\n')).toEqual(['version', '3', 'minCompatible', '2'])
    const refused = appOf().send('task')
    await expect(refused).rejects.toBeInstanceOf(ConfigError)
    await expect(refused).rejects.toThrow(/schema version 3, for processes of version 2 or later; this celeriac has 1/)
    await expect(appOf().migrate()).rejects.toThrow(/schema version 3/)
    expect(await server.cli('KEYS', '*')).not.toMatch(/p:celery/)
  })

  it('and by the next connection of a process that goes on running', async () => {
    const old = appOf({ storeTimeout: '1s' })
    await old.send('task')
    await migrateRedis(open(), 'p:', false, CONTRACT)
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await expect(old.send('task')).rejects.toThrow(/schema version 3, for processes of version 2 or later/)
    expect(await server.cli('LLEN', 'p:celery')).toBe('1')
  })
})
