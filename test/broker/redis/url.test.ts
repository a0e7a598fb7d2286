import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/std/errors.ts'
import { redactUrl } from '../../../src/std/url.ts'
import { connectRedis } from '../../../src/stores/redis/connection/client.ts'
import { parseRedisUrl } from '../../../src/stores/redis/connection/url.ts'

describe('read', () => {
  test.each([
    ['redis://', { host: 'localhost', port: 6379, db: 0 }],
    ['redis://one', { host: 'one', port: 6379, db: 0 }],
    ['redis://one:1234/5', { host: 'one', port: 1234, db: 5 }],
    ['redis://one:1234//', { host: 'one', port: 1234, db: 0 }],
    ['redis://one?virtual_host=4', { host: 'one', db: 4 }],
    ['redis://:pa%40ss%2F@one/1', { host: 'one', password: 'pa@ss/', username: undefined, db: 1 }],
    ['redis://me:secret:2@[::1]:7', { host: '::1', port: 7, username: 'me', password: 'secret:2' }],
    ['rediss://one', { host: 'one', tls: { servername: 'one', rejectUnauthorized: true } }],
    ['rediss://one?ssl_cert_reqs=CERT_NONE', { tls: { servername: 'one', rejectUnauthorized: false } }],
    ['rediss://one?ssl_check_hostname=False', { tls: { checkServerIdentity: expect.any(Function) } }],
    ['redis://one/1?username=me&password=pw&family=6', { username: 'me', password: 'pw', family: 6, db: 1 }],
    ['unix:///run/redis.sock', { path: '/run/redis.sock', db: 0 }],
    ['redis+socket:///run/redis.sock?virtual_host=2', { path: '/run/redis.sock', db: 2 }],
    ['redis+socket://:pw@/run/redis.sock', { path: '/run/redis.sock', password: 'pw' }],
    [
      'sentinel://a;sentinel://:pw@b:1/3?master_name=main',
      {
        sentinels: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 1 },
        ],
        masterName: 'main',
        password: 'pw',
        db: 3,
      },
    ],
  ])('%s', (url, expected) => expect(parseRedisUrl(url)).toMatchObject(expected))
})

describe('refused', () => {
  test.each([
    ['redis:one', /expected redis:/],
    ['redis://one/x', /number of a database, got "x"/],
    ['redis://one:0', /port of 1 to 65535/],
    ['redis://one?socket_timeuot=3', /expected parameters virtual_host, db, .*, got socket_timeuot/],
    ['redis://one?family=5', /family of 0, 4 or 6, got 5/],
    ['rediss://one?ssl_check_hostname=maybe', /ssl_check_hostname: expected true or false, got maybe/],
    ['rediss://one?ssl_cert_reqs=maybe', /none, optional or required/],
    ['rediss://one?ssl_ca_certs=/nowhere/ca.pem', /ssl_ca_certs: cannot be read/],
    ['unix://host/path', /path of a socket/],
    ['sentinel://one', /name of the master/],
    ['redis://one;redis://two', /one server/],
    ['redis://:50%secret@one', /%xx/],
  ])('%s', (url, words) => {
    expect(() => parseRedisUrl(url)).toThrow(ConfigError)
    expect(() => parseRedisUrl(url)).toThrow(words)
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/)
  })
})

describe('parameters of other clients', () => {
  test.each([
    [
      'redis://one?socket_timeout=5&retry_on_timeout=true&health_check_interval=30',
      'socket_timeout, retry_on_timeout, health_check_interval',
    ],
    ['redis://one?ssl_cert_reqs=none', 'ssl_cert_reqs'],
    ['rediss://one?ssl_cert_reqs=none&socket_keepalive=1', 'socket_keepalive'],
    ['unix:///run/redis.sock?max_connections=3', 'max_connections'],
    ['sentinel://a?master_name=m&sentinel_kwargs=x;sentinel://b?socket_timeout=1', 'sentinel_kwargs, socket_timeout'],
    ['redis://one?global_keyprefix=x', 'global_keyprefix (the option keyPrefix)'],
  ])('%s: one warning', (url, names) => {
    const warnings: string[] = []
    const redis = connectRedis(url, { warn: (message) => warnings.push(message) })
    const again = redis.duplicate()
    expect(warnings).toEqual([`${redactUrl(url)}: parameters of the URL that change nothing here: ${names}`])
    void again.close()
    void redis.close()
  })
})

test('shown without passwords', () => {
  const url = 'sentinel://:pw1@a;sentinel://:pw2@b?master_name=m&sentinel_password=pw3'
  expect(parseRedisUrl(url).url).toBe('sentinel://:**@a;sentinel://:**@b?master_name=m&sentinel_password=**')
})
