import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { ConfigError, StoreUnavailableError } from '../../../src/std/errors.ts'
import { connectRedis, type RedisOptions } from '../../../src/stores/redis/connection/client.ts'
import type { RedisConnection, Script } from '../../../src/stores/redis/connection/connection.ts'
import { pause, stays, until, within } from '../../../src/testing/kit.ts'
import { startProxy, type TcpProxy } from '../../../src/testing/proxy/tcpProxy.ts'
import { writeCertificate } from '../../certificate.ts'
import { output } from '../../command.ts'
import { freePort, RedisServer } from '../../redis/server.ts'
import { block } from '../../wait.ts'

let server: RedisServer

beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.stop())

/** What a test opens, and which ends with it. */
function partsOf(finished: TestContext['onTestFinished']) {
  return {
    connect(url: string = server.url(), options?: RedisOptions): RedisConnection {
      const connection = connectRedis(url, options)
      finished(() => connection.close())
      return connection
    },

    async startOwn(options?: Parameters<typeof RedisServer.start>[0]): Promise<RedisServer> {
      const own = await RedisServer.start(options)
      finished(() => own.stop())
      return own
    },

    async openProxy(): Promise<TcpProxy> {
      const proxy = await startProxy({ port: server.port })
      finished(() => proxy.stop())
      return proxy
    },
  }
}

/** Of the one test that runs. */
const { connect, openProxy, startOwn } = partsOf(onTestFinished)

function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => expect.fail(`resolved: ${value}`),
    (error: Error) => error,
  )
}

const count: Script = { name: 'count', source: `return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}` }

describe('commands', () => {
  test('text, bytes, numbers, nothing, lists', async () => {
    const redis = connect(server.url(1))
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    expect(await redis.command('SET', 'bytes', bytes)).toBe('OK')
    expect(await redis.commandBytes('GET', 'bytes')).toEqual(Buffer.from(bytes))
    expect(await redis.command('GET', 'none')).toBeNull()
    expect(
      await redis.pipeline([
        ['INCR', 'n'],
        ['INCRBY', 'n', 5],
        ['LRANGE', 'l', 0, -1],
      ]),
    ).toEqual([1, 6, []])
    expect(await server.cli('-n', '1', 'GET', 'n')).toBe('6')
  })

  test('a pipeline rejects with its first error, the others are carried out', async () => {
    const redis = connect()
    await redis.command('SET', 'text', 'x')
    const error = await failure(
      redis.pipeline([
        ['LPUSH', 'text', 'y'],
        ['SET', 'after', '1'],
      ]),
    )
    expect(error).toMatchObject({ code: 'STORE_REFUSED', message: expect.stringMatching(/WRONGTYPE/) })
    expect(await redis.command('GET', 'after')).toBe('1')
  })

  test('of one turn, in order, in one write', async () => {
    const redis = connect()
    await redis.command('DEL', 'list')
    const before = await server.cli('INFO', 'stats')
    await Promise.all(Array.from({ length: 1000 }, (_, at) => redis.command('RPUSH', 'list', at)))
    const after = await server.cli('INFO', 'stats')
    expect(await redis.command('LRANGE', 'list', 0, -1)).toEqual(Array.from({ length: 1000 }, (_, at) => String(at)))
    const reads = (info: string): number => Number(/total_reads_processed:(\d+)/.exec(info)?.[1])
    expect(reads(after) - reads(before)).toBeLessThan(50)
  })

  test('a script, also after SCRIPT FLUSH', async () => {
    const redis = connect()
    await redis.command('DEL', 'counted')
    expect(await redis.script(count, ['counted'], [5])).toEqual(['counted', '5', 1])
    await server.cli('SCRIPT', 'FLUSH')
    const answers = await Promise.all([1, 2, 3].map(() => redis.script(count, ['counted'], ['x'])))
    expect(answers.map((answer) => (answer as unknown[])[2])).toEqual([2, 3, 4])
  })

  test('a command that blocks waits as long as it says', async () => {
    const redis = connect(server.url(), { timeout: 300 })
    expect(await redis.blocking(1000, 'BLPOP', 'nothing', 1)).toBeNull()
    expect(redis.problem).toBeUndefined()
  })

  test('a unix socket; another database', async () => {
    const own = await startOwn({ unixsocket: true })
    const redis = connect(`redis+socket://${own.socket}?virtual_host=3`)
    await redis.command('SET', 'here', '1')
    expect(await own.cli('-n', '3', 'GET', 'here')).toBe('1')
    expect([redis.db, redis.url]).toEqual([3, `redis+socket://${own.socket}?virtual_host=3`])
  })
})

describe('trouble', () => {
  test('no server: waits for the first connection, for as long as told; then it comes', async () => {
    const port = await freePort()
    const redis = connect(`redis://127.0.0.1:${port}/0`, { timeout: 10_000, wait: 400 })
    const start = performance.now()
    const error = await failure(redis.command('PING'))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/not connected for 400 ms: .*ECONNREFUSED/)
    expect(performance.now() - start).toBeLessThan(1500)
    expect(redis.problem?.message).toMatch(/ECONNREFUSED/)
    await startOwn({ port })
    await until('works', () => redis.problem === undefined)
    expect(await redis.command('PING')).toBe('PONG')
  })

  test('a restart of the server: what waits is sent when it is back', async () => {
    const own = await startOwn({ appendonly: true })
    const redis = connect(own.url())
    const heard: string[] = []
    await redis.subscribe('kept', (message) => heard.push(message.toString()))
    await redis.command('SET', 'a', '1')
    await own.kill()
    await until('noticed', () => redis.problem !== undefined)
    const waiting = Promise.all([redis.command('INCR', 'a'), redis.command('INCR', 'a')])
    await own.start()
    expect(await within('the answers', waiting, 5000)).toEqual([2, 3])
    await until('all works', () => redis.problem === undefined)
    await redis.command('PUBLISH', 'kept', 'again')
    await until('heard', () => heard.includes('again'))
  })

  test('cut while the answer is awaited: rejects, and goes on', async () => {
    const proxy = await openProxy()
    const redis = connect(proxy.url(server.url()))
    await redis.command('PING')
    proxy.delay(300)
    const lost = failure(redis.command('PING'))
    await pause(50)
    proxy.reset()
    expect(await within('the rejection', lost)).toBeInstanceOf(StoreUnavailableError)
    proxy.delay(0)
    expect(await redis.command('PING')).toBe('PONG')
  })

  test("our own event loop that stands still is not the server's fault", async () => {
    const redis = connect(server.url(), { timeout: 300 })
    await redis.command('PING')
    const answer = redis.command('INCR', 'own')
    await new Promise((resolve) => setImmediate(resolve))
    block(2000)
    expect(await answer).toBe(1)
  })

  test('nor is it that of a command that waits for the first connection', async () => {
    const redis = connect(server.url(), { timeout: 300, wait: 300 })
    const answer = redis.command('PING')
    // The connection is being opened.
    await new Promise((resolve) => setImmediate(resolve))
    block(2000)
    expect(await answer).toBe('PONG')
  })

  test("out of memory: the server's words", async () => {
    const own = await startOwn()
    const redis = connect(own.url())
    await redis.command('PING')
    await own.cli('CONFIG', 'SET', 'maxmemory', '1')
    for (const refused of [redis.command('SET', 'k', 'x'), redis.script(count, ['n'], ['x'])]) {
      const error = await failure(refused)
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error.message).toMatch(/OOM command not allowed/)
    }
    expect(redis.problem).toBeUndefined()
    await own.cli('CONFIG', 'SET', 'maxmemory', '0')
    expect(await redis.command('SET', 'k', 'x')).toBe('OK')
  })

  test.each([
    ['none', (url: string) => url.replace(/:[^:@]*@/, ''), /NOAUTH/],
    ['a wrong one', (url: string) => url.replace(/:[^:@]*@/, ':wrong@'), /WRONGPASS/],
  ])('a password is needed: %s', async (_, change, words) => {
    const own = await startOwn({ requirepass: 's3cret/?@' })
    const error = await failure(connect(change(own.url())).command('PING'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(words)
    const right = connect(own.url(2))
    expect(await right.command('PING')).toBe('PONG')
    expect(right.url).not.toContain('s3cret')
  })

  test('a password that was right is refused for a while: what waits is sent when it is right again', async () => {
    const own = await startOwn({ requirepass: 'right' })
    const redis = connect(own.url())
    await redis.command('SET', 'a', '1')
    const admin = connect(own.url())
    await admin.command('CONFIG', 'SET', 'requirepass', 'other')
    await admin.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('told', () => redis.problem instanceof ConfigError)
    const waiting = redis.command('INCR', 'a')
    expect(await stays(waiting, 200)).toBe(true)
    await admin.command('CONFIG', 'SET', 'requirepass', 'right')
    expect(await within('the answer', waiting, 5000)).toBe(2)
  })

  test('a server that has too many clients: waits for a place', async () => {
    const own = await startOwn()
    const first = connect(own.url())
    await first.command('CONFIG', 'SET', 'maxclients', '1')
    const waiting = connect(own.url()).command('PING')
    expect(await stays(waiting, 200)).toBe(true)
    await first.command('CONFIG', 'SET', 'maxclients', '100')
    expect(await within('the answer', waiting, 5000)).toBe('PONG')
  })

  test('a database that the server does not have', async () => {
    const error = await failure(connect(server.url(99)).command('PING'))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/DB index is out of range/)
  })

  test('after close, nothing', async () => {
    const redis = connect()
    await redis.command('PING')
    const pending = failure(redis.command('BLPOP', 'nothing', 5))
    await redis.close()
    expect(await pending).toBeInstanceOf(StoreUnavailableError)
    expect((await failure(redis.command('PING'))).message).toMatch(/closed/)
    expect(await redis.duplicate().close()).toBeUndefined()
  })
})

// They wait, and do little.
describe('trouble that takes some seconds', () => {
  test.concurrent('half-open under commands: given up after the timeout', async ({ onTestFinished }) => {
    const { connect, openProxy } = partsOf(onTestFinished)
    const proxy = await openProxy()
    const redis = connect(proxy.url(server.url()), { timeout: 1000 })
    await redis.command('PING')
    proxy.halfOpen()
    const start = performance.now()
    const error = await failure(redis.command('INCR', 'x'))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/no answer for \d+ ms/)
    expect(performance.now() - start).toBeLessThan(2500)
    expect(redis.problem).toBeInstanceOf(StoreUnavailableError)
    proxy.resume()
    await until('works again', () => redis.problem === undefined)
    expect(await redis.command('PING')).toBe('PONG')
  })

  test.concurrent('half-open while a command blocks', async ({ onTestFinished }) => {
    const { connect, openProxy } = partsOf(onTestFinished)
    const proxy = await openProxy()
    const redis = connect(proxy.url(server.url()))
    await redis.command('PING')
    const blocked = failure(redis.blocking(500, 'BLPOP', 'nothing', 0.5))
    await pause(100)
    proxy.halfOpen()
    expect(await within('the rejection', blocked, 5000)).toBeInstanceOf(StoreUnavailableError)
  })

  test.concurrent('half-open while idle: both connections notice within some eight seconds', async ({
    onTestFinished,
  }) => {
    const { connect, openProxy } = partsOf(onTestFinished)
    const proxy = await openProxy()
    const redis = connect(proxy.url(server.url()))
    const heard: string[] = []
    let told = 0
    redis.onReconnect(() => told++)
    await redis.subscribe('kept', (message) => heard.push(message.toString()))
    await redis.command('PING')
    const start = performance.now()
    proxy.halfOpen()
    proxy.resume()
    await until('noticed', () => told === 2, 12_000)
    expect(performance.now() - start).toBeGreaterThan(4000)
    await redis.command('PUBLISH', 'kept', 'again')
    await until('heard', () => heard.includes('again'))
    expect(redis.problem).toBeUndefined()
  })

  test.concurrent('a server that sleeps for a while: says so, loses nothing', async ({ onTestFinished }) => {
    const { connect, startOwn } = partsOf(onTestFinished)
    const own = await startOwn({ flags: ['--enable-debug-command', 'yes'] })
    const redis = connect(own.url())
    await redis.command('PING')
    const sleeping = own.cli('DEBUG', 'SLEEP', '4.5').catch(() => undefined)
    await pause(100)
    const answer = redis.command('INCR', 'x')
    await until('says so', () => redis.problem !== undefined, 4500)
    expect(await answer).toBe(1)
    await until('is over', () => redis.problem === undefined, 2000)
    await sleeping
  })
})

test('warns once of eviction and of missing persistence', async () => {
  const warnings: string[] = []
  const redis = connect(server.url(), { warn: (message) => warnings.push(message) })
  await redis.command('PING')
  expect(warnings).toEqual([expect.stringMatching(/neither appendonly nor save/)])
  const own = await startOwn({ appendonly: true, flags: ['--maxmemory-policy', 'allkeys-lru'] })
  const other = connect(own.url(), { warn: (message) => warnings.push(message) })
  await other.command('PING')
  await own.cli('CLIENT', 'KILL', 'TYPE', 'normal')
  await other.command('PING')
  expect(warnings.slice(1)).toEqual([expect.stringMatching(/allkeys-lru.*noeviction/)])
})

test('TLS: the certificate is checked, unless told not to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-tls-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  await writeCertificate({ key, certificate, names: 'DNS:localhost' })
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const port = await freePort()
  const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate]
  await startOwn({ flags: ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files] })
  const url = `rediss://localhost:${port}/0`
  const untrusted = await failure(connect(url, { wait: 500 }).command('PING'))
  expect(untrusted.message).toMatch(/self-signed certificate/)
  expect(await connect(`${url}?ssl_ca_certs=${encodeURIComponent(certificate)}`).command('PING')).toBe('PONG')
  expect(await connect(`${url}?ssl_cert_reqs=none`).command('PING')).toBe('PONG')
})

test('without the package ioredis: what to install', async () => {
  const source = `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(name, context, next) {
        if (name !== 'ioredis') return next(name, context)
        throw Object.assign(new Error("Cannot find package 'ioredis'"), { code: 'ERR_MODULE_NOT_FOUND' })
      },
    })
    const { connectRedis } = await import(${JSON.stringify(import.meta.resolve('../../../src/stores/redis/connection/client.ts'))})
    const redis = connectRedis('redis://')
    await redis.command('PING').catch((error) => console.log(error.code, error.message))
    await redis.close()`
  const told = await output(process.execPath, [...process.execArgv, '--input-type=module', '-e', source])
  expect(told).toMatch(/^INVALID_CONFIG .*npm install ioredis/)
})
