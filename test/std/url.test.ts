import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { parseConfig } from '../../src/config/config.ts'
import { SecretUrl } from '../../src/std/secretUrl.ts'
import { redactUrl } from '../../src/std/url.ts'
import { openStores } from '../../src/stores/open.ts'
import type { StoreOptions } from '../../src/stores/store.ts'
import { endpointUrl } from '../../src/webhook/endpoint.ts'
import { printed, traces } from '../secrets.ts'

test.each([
  ['redis://:s3cret@host:6379/0', 'redis://:**@host:6379/0'],
  ['redis://:s3,cret@host/0', 'redis://:**@host/0'],
  ['redis://me:a#b:c%40d@[::1]:6379/0', 'redis://me:**@[::1]:6379/0'],
  ['amqp://admin:my:p@ss/word@rabbit//', 'amqp://**'],
  ['amqp://admin:1234/word@rabbit//', 'amqp://**'],
  ['amqp://admin:12;word@rabbit//', 'amqp://**'],
  ['amqp://admin:a?b=c@rabbit//', 'amqp://**'],
  ['amqp://admin@rabbit//', 'amqp://admin@rabbit//'],
  ['amqp://a:b@one/x;amqp://a:b@two/x', 'amqp://a:**@one/x;amqp://a:**@two/x'],
  ['redis://host:6379/0', 'redis://host:6379/0'],
  ['rediss://host/0?ssl_cert_reqs=none&password=s3&cret', 'rediss://host/0?ssl_cert_reqs=none&password=**'],
  ['postgres://host/db?Token=b#c', 'postgres://host/db?Token=**'],
  ['sentinel://:a@one:1;sentinel://:b@two:2', 'sentinel://:**@one:1;sentinel://:**@two:2'],
  ['sentinel://a?master_name=m&sentinel_password=s3cret', 'sentinel://a?master_name=m&sentinel_password=**'],
  ['https://token@hooks.example/x?key=s3cret', 'https://**@hooks.example/x?**'],
  ['unix:///tmp/a@b.sock?db=1', 'unix:///tmp/a@b.sock?db=1'],
  ['sqlite:.celeriac/celeriac.db', 'sqlite:.celeriac/celeriac.db'],
  ['sqlite:///tmp/a:b@c.db', 'sqlite:///tmp/a:b@c.db'],
  ['redis:user:s3cret@host', 'redis:…'],
  ['memory:', 'memory:'],
  ['rpc://', 'rpc://'],
  ['', ''],
])('%s', (url, expected) => expect(redactUrl(url)).toBe(expected))

/** All printable characters of ASCII, and some others. */
const character = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) },
  { weight: 1, arbitrary: fc.constantFrom('ä', 'ß', '€', '密', '🔑', '´') },
)
const password = fc.string({ unit: character, minLength: 12, maxLength: 40 })
const escaping = fc.constantFrom<(text: string) => string>(
  (text) => text,
  encodeURIComponent,
  encodeURI,
  (text) => text.replace(/[@/]/g, encodeURIComponent),
  (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
)
const place = fc.constantFrom<(secret: string) => string>(
  (secret) => `redis://:${secret}@host/0`,
  (secret) => `redis://me:${secret}@host:6379/0?db=1`,
  (secret) => `redis://me:${secret}@host:99999/0`,
  (secret) => `rediss://:${secret}@host/x?ssl_cert_reqs=maybe`,
  (secret) => `redis+socket://:${secret}@/tmp/redis.sock`,
  (secret) => `redis://host/0?password=${secret}`,
  (secret) => `redis://:${secret}@host/0?unknown=1`,
  (secret) => `sentinel://:${secret}@one:1;sentinel://:${secret}@two:2?master_name=m`,
  (secret) => `sentinel://one:1/0?master_name=m&sentinel_password=${secret}`,
  (secret) => `amqp://me:${secret}@host:5672/vhost`,
  (secret) => `amqp://me:${secret}@host:port/vhost`,
  (secret) => `amqps://me:${secret}@one;amqps://me:${secret}@two`,
  (secret) => `amqp://me:${secret}@one;two`,
  (secret) => `pyamqp://me:${secret}@host//?heartbeat=1`,
  (secret) => `postgres://me:${secret}@host/db`,
  (secret) => `me:${secret}@host:6379`,
  (secret) => `redis:me:${secret}@host`,
  (secret) => `http://me:${secret}@host/hook?token=${secret}`,
)

const OPTIONS: StoreOptions = {
  lease: 1000,
  visibilityTimeout: 1000,
  expires: 1000,
  serializer: 'json',
  accept: ['json'],
  replyTo: 'replies',
}

async function outputs(url: string): Promise<string[]> {
  const secret = new SecretUrl(url)
  const texts = [redactUrl(url), String(secret), `${secret}`, JSON.stringify({ secret }), inspect([secret])]
  const tries: (() => unknown)[] = [
    () => openStores({ broker: url, backend: 'memory:' }, OPTIONS),
    () => openStores({ broker: 'memory:', backend: url }, OPTIONS),
    () => parseConfig({ request: { baseUrl: url } }),
    () => createClient(url),
    () => void endpointUrl(url),
  ]
  for (const step of tries) {
    try {
      const opened = (await step()) as { close?(): Promise<void> }
      texts.push(inspect(opened, { depth: 5 }))
      await opened?.close?.()
    } catch (error) {
      texts.push(...printed(error))
    }
  }
  const config = parseConfig({ broker: url, backend: url })
  texts.push(inspect(config, { depth: 4 }), JSON.stringify(config), `${config.broker} ${config.backend}`)
  return texts
}

describe('a password is in no output', () => {
  test('of whatever characters, escaped or not, in whatever URL', async () => {
    const check = async (secret: string, written: (text: string) => string, url: (text: string) => string) => {
      const wanted = url(written(secret))
      const texts = await outputs(wanted)
      const shown = texts.filter((text) => traces(secret).some((trace) => text.includes(trace)))
      expect({ url: wanted, shown }).toEqual({ url: wanted, shown: [] })
    }
    await fc.assert(fc.asyncProperty(password, escaping, place, check), { numRuns: 400 })
  })
})
