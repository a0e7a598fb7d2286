import { execFileSync } from 'node:child_process'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AmqpBroker } from '../../../src/broker/amqp/broker.ts'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { freePort } from '../../redis/server.ts'

const VHOST = 'a/b %c:d@é?;'
let server: RabbitServer
const stops: (() => unknown)[] = []

beforeAll(async () => {
  server = await RabbitServer.start({ tls: true })
  await server.addVhosts([VHOST])
}, 30_000)
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
afterAll(() => server.stop())

function open(url: string, storeTimeout = 5000): AmqpBroker {
  const broker = new AmqpBroker(url, { storeTimeout })
  stops.push(() => broker.close())
  return broker
}

/** A message there and back, which takes all connections of a broker. */
async function roundTrip(broker: AmqpBroker, queue: string): Promise<void> {
  const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'celery@test' })
  await broker.publish(envelopeOf('1'), toQueue(queue))
  const delivery = await new Reader(consumer).next()
  expect(idsOf([delivery])).toEqual(['1'])
  expect(await delivery.ack()).toBe(true)
}

async function failure(url: string): Promise<Error> {
  const broker = open(url, 500)
  const error = await broker.publish(envelopeOf('1'), toQueue('q')).then(
    () => expect.fail('resolved'),
    (reason: Error) => reason,
  )
  expect(error).toBeInstanceOf(StoreUnavailableError)
  return error
}

describe('amqps', () => {
  const url = (query: string) => `amqps://guest:guest@localhost:${server.tlsPort}/?${query}`
  const trusted = () => `ssl_ca_certs=${encodeURIComponent(server.certificate)}`

  test('with the authority that has signed the certificate', () => roundTrip(open(url(trusted())), 'tls'))

  test('without it: an error that says so', async () => {
    expect((await failure(url(''))).message).toMatch(/self-signed certificate/)
  })

  test('of another name: an error that says so', async () => {
    const other = url(trusted()).replace('localhost', '127.0.0.2')
    expect((await failure(other)).message).toMatch(/ECONNREFUSED|IP: 127.0.0.2 is not in the cert/)
  })

  test('without looking at the certificate', () => roundTrip(open(url('ssl_cert_reqs=none')), 'tls-unseen'))

  test('a port that speaks no TLS: an error that says so', async () => {
    const wrong = url(trusted()).replace(String(server.tlsPort), String(server.port))
    expect((await failure(wrong)).message).toMatch(/amqps:.*(?:wrong version|SSL|ECONNRESET|closed|disconnected)/i)
  })
})

test('a list of nodes whose first is dead, with TLS for the second', async () => {
  const second = `amqps://localhost:${server.tlsPort}/?ssl_cert_reqs=none`
  await roundTrip(open(`amqp://guest:guest@127.0.0.1:${await freePort()}/;${second}`), 'failover')
})

test('a virtual host of odd characters', async () => {
  await roundTrip(open(server.url(VHOST)), 'odd')
  expect(await open(server.url()).size('odd')).toBe(0)
})

describe('refused, with the reason and without the password', () => {
  const refused = async (user: string, vhost: string, pattern: RegExp) => {
    const error = await failure(`amqp://${user}@127.0.0.1:${server.port}/${vhost}`)
    expect(error.message).toMatch(pattern)
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/s3cr|s3%63r/)
  }

  test('a wrong password', () => refused('guest:s3%63ret%2F', '', /ACCESS.REFUSED/))
  test('an unknown user', () => refused('nobody:s3cret', '', /ACCESS.REFUSED/))
  test('an unknown virtual host', () =>
    refused('guest:guest', 'nowhere', /expected a virtual host that is there.* got "nowhere"/))
})

test('without the package amqplib: what to install', () => {
  const source = `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(name, context, next) {
        if (name !== 'amqplib') return next(name, context)
        throw Object.assign(new Error("Cannot find package 'amqplib'"), { code: 'ERR_MODULE_NOT_FOUND' })
      },
    })
    const { AmqpBroker } = await import(${JSON.stringify(import.meta.resolve('../../../src/broker/amqp/broker.ts'))})
    const broker = new AmqpBroker('amqp://127.0.0.1:1')
    const tell = (error) => console.log(error.code, error.message)
    await broker.size('q').catch(tell)
    await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'n' }).catch(tell)
    await broker.close()`
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
  expect(told).toMatch(/^(?:INVALID_CONFIG .*npm install amqplib\n){2}$/)
})
