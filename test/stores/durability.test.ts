import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { ArgumentError, ConfigError } from '../../src/std/errors.ts'
import { Worker } from '../../src/worker/worker.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { PostgresServer } from '../postgres/server.ts'
import { emptyPostgres } from '../postgres/shared.ts'
import { RedisServer } from '../redis/server.ts'

function appOn(broker: string, durability?: 'normal' | 'full', options: CeleriacOptions = {}): App {
  const app = new App({ broker, logger: false, durability, ...options })
  onTestFinished(() => app.close())
  return app
}

/** A task of the app is run by a worker. */
async function runs(app: App): Promise<void> {
  const add = app.task('add', (a: number, b: number) => a + b)
  const worker = new Worker(app)
  onTestFinished(() => worker.stop())
  await worker.start()
  expect(await add.delay(1, 2).get({ timeout: '30s' })).toBe(3)
}

test('another value is refused', () => {
  expect(() => new App({ durability: 'all' as 'full' })).toThrow(ArgumentError)
  expect(() => new App({ durability: 'all' as 'full' })).toThrow("durability: expected 'normal' or 'full'")
})

describe('on SQLite', () => {
  test.each([
    [undefined, 1],
    ['full', 2],
  ] as const)(
    '%s: commits of the app wait for the disk as `synchronous` = %i says',
    async (durability, synchronous) => {
      const exec = vi.spyOn(DatabaseSync.prototype, 'exec')
      onTestFinished(() => exec.mockRestore())
      const folder = new Folder()
      onTestFinished(() => folder.remove())
      const app = appOn(folder.url(), durability)
      await app.connect()
      const [db] = exec.mock.contexts as DatabaseSync[]
      expect(db?.prepare('PRAGMA synchronous').get()).toEqual({ synchronous })
      await runs(app)
    },
  )
})

describe('on Redis', () => {
  const start = async (...flags: string[]): Promise<RedisServer> => {
    const server = await RedisServer.start({ flags })
    onTestFinished(() => server.stop())
    return server
  }

  test('a server that answers before its disk has a command is refused, at the first call', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'everysec')
    const connecting = appOn(server.url(), 'full').queueSize()
    await expect(connecting).rejects.toBeInstanceOf(ConfigError)
    await expect(connecting).rejects.toThrow(
      "durability 'full' needs appendonly yes and appendfsync always, got appendonly yes and appendfsync everysec",
    )
    await runs(appOn(server.url()))
  })

  test('one that waits for its disk is used; one that hides its settings, with a warning', async () => {
    const server = await start('--appendonly', 'yes', '--appendfsync', 'always')
    await runs(appOn(server.url(), 'full'))
    await server.cli('ACL', 'SETUSER', 'managed', 'on', '>secret', '~*', '&*', '+@all', '-config')
    const warnings: string[] = []
    const logger = {
      warn: (_: object, text: string) => warnings.push(text),
      error: () => 0,
      info: () => 0,
      debug: () => 0,
    }
    const url = server.url().replace('redis://', 'redis://managed:secret@')
    await runs(appOn(url, 'full', { logger: { ...logger, child: () => logger } as never }))
    expect(warnings.filter((text) => text.includes('does not show its settings')).length).toBeGreaterThan(0)
    expect(warnings.join()).not.toContain('secret')
  })
})

describe('on PostgreSQL', () => {
  test('a server without fsync is refused, and a role without synchronous_commit', async () => {
    const url = await emptyPostgres()
    await expect(appOn(url, 'full').queueSize()).rejects.toThrow("durability 'full' needs fsync on")
    const server = await PostgresServer.start({ durable: true })
    onTestFinished(() => server.stop())
    const own = await server.empty()
    await runs(appOn(own, 'full'))
    await server.sql('ALTER ROLE celeriac SET synchronous_commit = off')
    const connecting = appOn(own, 'full').queueSize()
    await expect(connecting).rejects.toBeInstanceOf(ConfigError)
    await expect(connecting).rejects.toThrow('got fsync on and synchronous_commit off')
  })
})
