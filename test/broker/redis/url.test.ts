import { describe, expect, test } from 'vitest'
import { parseRedisUrl } from '../../../src/broker/redis/url.ts'
import { ConfigError } from '../../../src/std/errors.ts'

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
    ['redis://one?timeout=3', /expected parameters virtual_host, db, got timeout/],
    ['redis://one?ssl_cert_reqs=none', /got ssl_cert_reqs/],
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

test('shown without passwords', () => {
  const url = 'sentinel://:pw1@a;sentinel://:pw2@b?master_name=m&sentinel_password=pw3'
  expect(parseRedisUrl(url).url).toBe('sentinel://:**@a;sentinel://:**@b?master_name=m&sentinel_password=**')
})
