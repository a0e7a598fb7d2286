import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { CeleriacOptions } from '../../src/config/celeriacOptions.ts'
import { fleetOf, recorderFileOf } from '../../src/recorder/place.ts'

/** File and fleet of an app that is not opened. */
function of(broker: string, options: Partial<CeleriacOptions> = {}): { readonly file: string; readonly fleet: string } {
  const { config } = new App({ broker, logger: false, ...options })
  return { file: recorderFileOf(config), fleet: fleetOf(config) }
}

/** Brokers that are not one another's. */
const BROKERS = [
  'redis://a',
  'redis://a/1',
  'redis://a:6380/1',
  'redis://a-6380/1',
  'redis://a?db=2',
  'redis://a?virtual_host=3',
  'unix:///a',
  'unix:///a?db=1',
  'sentinel://a/0?master_name=m',
  'sentinel://a/0?master_name=n',
  'amqp://a',
  'amqp://a/v',
  'amqp://b;amqp://a',
  'postgres://a/d',
  'postgres://a/d?celeriac_schema=two',
]

describe("the recorder's file", () => {
  it('is one of each broker: apps of one folder do not take that of another', () => {
    const places = [...BROKERS.map((broker) => of(broker)), of('redis://a', { keyPrefix: 'k' })]
    expect(new Set(places.map(({ file }) => file)).size).toBe(places.length)
    expect(new Set(places.map(({ fleet }) => fleet)).size).toBe(places.length)
    expect(new Set(places.map(({ file }) => dirname(file))).size).toBe(1)
    expect(of('redis://a').file).toMatch(/[/\\]\.celeriac[/\\]recorder-redis-a-6379-0-[0-9a-f]{8}\.db$/)
    const shared = { backend: 'sqlite:///data/shop.db' }
    expect(of('redis://a', shared).file).toMatch(/^\/data\/recorder-redis-a-6379-0-/)
    expect(of('redis://a', shared).file).not.toBe(of('redis://b', shared).file)
  })

  it('is the same for each way to write one broker, and has no user and no password in its name', () => {
    const same = [
      ['redis://localhost:6379/0', 'redis://', 'redis://u:p@localhost', 'redis://localhost/0?password=p'],
      ['amqp://localhost:5672//', 'amqp://u:p@localhost', 'pyamqp://localhost/%2F', 'amqp://localhost?heartbeat=5'],
      ['amqp://a;amqp://b', 'amqp://u:p@b;amqp://u:p@a:5672'],
      ['postgres://localhost:5432/d', 'postgresql://u:p@localhost/d', 'postgres://localhost/d?sslmode=require'],
      ['sentinel://a:26379/0?master_name=m', 'sentinel://u:p@a?master_name=m&sentinel_password=p'],
    ]
    for (const [first = '', ...others] of same)
      for (const other of others) expect([other, of(other)]).toEqual([other, of(first)])
    const { file, fleet } = of('amqp://usr:s3cret@host/v')
    expect(file + fleet).not.toMatch(/usr|s3cret/)
  })

  it('of a SQLite broker lies beside it, and one in memory is nowhere', () => {
    expect(of('sqlite:///data/shop.db').file).toBe('/data/shop-recorder.db')
    expect(of('memory:').file).toBe(':memory:')
    expect(of('redis://a', { recorder: { file: '/x/y.db' } }).file).toBe('/x/y.db')
  })
})
