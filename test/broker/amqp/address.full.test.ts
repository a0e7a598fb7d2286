import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { ConfigError, StoreUnavailableError } from '../../../src/std/errors.ts'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { dialRelayed } from '../../../src/stores/rabbitmq/connection/client.ts'
import { type AmqpAddress, parseAmqpUrl } from '../../../src/stores/rabbitmq/url.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { startProxy } from '../../../src/testing/proxy/tcpProxy.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { writeCertificate } from '../../certificate.ts'
import { output } from '../../command.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { freePort } from '../../redis/server.ts'

const VHOST = 'a/b %c:d@é?;'
let server: RabbitServer
const stops: (() => unknown)[] = []

beforeAll(async () => {
  server = await RabbitServer.start({ tls: true })
  await server.addVhosts([VHOST])
})
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

/** Of a first call, with far less patience than it would take to wait. */
async function failure(url: string, kind: typeof StoreUnavailableError | typeof ConfigError): Promise<Error> {
  const broker = open(url, 25_000)
  const before = performance.now()
  const error = await rejection(broker.publish(envelopeOf('1'), toQueue('q')))
  expect(performance.now() - before).toBeLessThan(10_000)
  expect(error).toBeInstanceOf(kind)
  return error
}

function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('resolved'),
    (reason: Error) => reason,
  )
}

describe('amqps', () => {
  const url = (query: string) => `amqps://guest:guest@localhost:${server.tlsPort}/?${query}`
  const trusted = () => `ssl_ca_certs=${encodeURIComponent(server.certificate)}`

  test('with the authority that has signed the certificate', () => roundTrip(open(url(trusted())), 'tls'))

  test('without it: an error that says so, and what to do', async () => {
    const error = await failure(url(''), StoreUnavailableError)
    expect(error.message).toMatch(/self-signed certificate.*: expected .*\?ssl_ca_certs=/)
  })

  test('of another authority: the same', async () => {
    const file = join(server.folder, 'other.pem')
    await writeCertificate({ key: join(server.folder, 'other.key'), certificate: file })
    const error = await failure(url(`ssl_ca_certs=${encodeURIComponent(file)}`), StoreUnavailableError)
    expect(error.message).toMatch(/self-signed certificate.*: expected .*\?ssl_ca_certs=/)
  })

  describe('of another name', () => {
    let port: number

    beforeAll(async () => {
      // An address of this machine that the certificate does not have.
      const door = createServer((client) => {
        const behind = connect(server.tlsPort, '127.0.0.1')
        for (const [from, to] of [[client, behind] as const, [behind, client] as const]) {
          from.on('error', () => to.destroy()).pipe(to)
        }
      })
      door.listen(0, '127.0.0.2')
      await once(door, 'listening')
      port = (door.address() as AddressInfo).port
      return () => door.close()
    })

    const other = (query: string) => `amqps://guest:guest@127.0.0.2:${port}/?${query}`

    test('refused, with an error that says so', async () => {
      const error = await failure(other(trusted()), StoreUnavailableError)
      expect(error.message).toMatch(
        /127\.0\.0\.2 is not in the cert.*: expected a certificate for 127\.0\.0\.2; .*ssl_cert_reqs=none/,
      )
    })

    test('by the thread that holds the connection of tasks, too', async () => {
      const [address] = parseAmqpUrl(other(trusted())) as [AmqpAddress]
      const error = await rejection(dialRelayed(address, 'test', 5000))
      expect(error.message).toMatch(/127\.0\.0\.2 is not in the cert.*: expected a certificate for 127\.0\.0\.2/)
      const [unknown] = parseAmqpUrl(url('')) as [AmqpAddress]
      expect((await rejection(dialRelayed(unknown, 'test', 5000))).message).toMatch(/\?ssl_ca_certs=/)
    })

    test('taken without looking', () => roundTrip(open(other('ssl_cert_reqs=none')), 'other-name'))
  })

  test('without looking at the certificate', () => roundTrip(open(url('ssl_cert_reqs=none')), 'tls-unseen'))

  test('a port that speaks no TLS: an error that says so', async () => {
    const wrong = url(trusted()).replace(String(server.tlsPort), String(server.port))
    const error = await rejection(open(wrong, 500).publish(envelopeOf('1'), toQueue('q')))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/amqps:.*(?:wrong version|SSL|ECONNRESET|closed|disconnected)/i)
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

describe('refused at once, with the reason and without the password', () => {
  const refused = async (user: string, vhost: string, pattern: RegExp) => {
    const error = await failure(`amqp://${user}@127.0.0.1:${server.port}/${vhost}`, ConfigError)
    expect(error.message).toMatch(pattern)
    secret(error)
  }

  function secret(error: Error): void {
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/s3cr|s3%63r/)
  }

  test('a wrong password', () =>
    refused(
      'guest:s3%63ret%2F',
      '',
      /a user and a password.*got user "guest" at virtual host "\/".*403 ACCESS.REFUSED/,
    ))
  test('an unknown user', () => refused('nobody:s3cret', '', /got user "nobody".*403 ACCESS.REFUSED/))
  test('an unknown virtual host', () =>
    refused(
      'guest:guest',
      'nowhere',
      /expected a virtual host that is there.* got user "guest" at virtual host "nowhere".*530 NOT_ALLOWED - vhost nowhere not found/,
    ))

  test('a virtual host that is not open to this user, over TLS', async () => {
    await server.ctl('eval', 'rabbit_auth_backend_internal:add_user(<<"outside">>, <<"s3cret">>, <<"t">>).')
    const url = `amqps://outside:s3cret@localhost:${server.tlsPort}/?ssl_cert_reqs=none`
    const error = await failure(url, ConfigError)
    expect(error.message).toMatch(/got user "outside" at virtual host "\/".*530 NOT_ALLOWED.*refused for user/)
    secret(error)
  })

  test('by each address of a list', async () => {
    const list = `amqp://guest:s3cret@127.0.0.1:${server.port}/;${server.url('nowhere')}`
    const error = await failure(list, ConfigError)
    secret(error)
    const mended = `amqp://guest:s3cret@127.0.0.1:${server.port}/;${server.url()}`
    await roundTrip(open(mended), 'mended')
  })

  test('a worker does not start', async () => {
    const app = new App({
      broker: `amqp://guest:s3cret@127.0.0.1:${server.port}/`,
      backend: 'memory:',
      storeTimeout: '25s',
    })
    stops.push(() => app.close())
    const before = performance.now()
    const error = await rejection(new Worker(app).start())
    expect(performance.now() - before).toBeLessThan(10_000)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error.message).toMatch(/got user "guest" at virtual host "\/"/)
    secret(error)
  })

  test('mended in the server, the next call gets through', async () => {
    const broker = open(server.url('made-later'), 25_000)
    expect(await rejection(broker.size('q'))).toBeInstanceOf(ConfigError)
    await server.addVhosts(['made-later'])
    await roundTrip(broker, 'q')
  })
})

describe('refused for now', () => {
  test('who was let in before: waited for', async () => {
    const passwordIs = (password: string) =>
      server.ctl('eval', `rabbit_auth_backend_internal:change_password(<<"guest">>, <<"${password}">>, <<"t">>).`)
    const proxy = await startProxy({ port: server.port })
    stops.push(() => proxy.stop())
    const broker = open(proxy.url(server.url()), 20_000)
    const consumer = await broker.consume([{ name: 'before' }], { prefetch: 1, name: 'celery@test' })
    await passwordIs('another')
    try {
      proxy.reset()
      await until('it is refused', () => /403 ACCESS.REFUSED/.test(consumer.problem?.message ?? ''))
      const calls = [broker.publish(envelopeOf('1'), toQueue('before')), broker.size('before')]
      await Promise.all([passwordIs('guest'), ...calls])
    } finally {
      await passwordIs('guest')
    }
    expect(idsOf([await new Reader(consumer).next()])).toEqual(['1'])
    await until('all is well', () => consumer.problem === undefined)
  })

  test.each([
    {
      name: 'down',
      begin: ['eval', 'rabbit_vhost_sup_sup:stop_and_delete_vhost(<<"down">>).'],
      end: ['restart_vhost', '-p', 'down'],
      says: /refuses new connections: 541 INTERNAL_ERROR.*is down/,
    },
    {
      name: 'full',
      begin: ['set_vhost_limits', '-p', 'full', '{"max-connections": 0}'],
      end: ['clear_vhost_limits', '-p', 'full'],
      says: /refuses new connections: 530 NOT_ALLOWED.*connection limit/,
    },
  ])('a virtual host that is $name: waited for', async ({ name, begin, end, says }) => {
    await server.addVhosts([name])
    await server.ctl(...begin)
    const error = await rejection(open(server.url(name), 1000).size('q'))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(says)
    const broker = open(server.url(name), 20_000)
    const waiting = broker.publish(envelopeOf('1'), toQueue('q'))
    const consuming = broker.consume([{ name: 'q' }], { prefetch: 1, name: 'celery@test' })
    await Promise.all([server.ctl(...end), waiting, consuming])
    expect(idsOf([await new Reader(await consuming).next()])).toEqual(['1'])
  })
})

test('without the package amqplib: what to install', async () => {
  const source = `
    import { registerHooks } from 'node:module'
    registerHooks({
      resolve(name, context, next) {
        if (name !== 'amqplib') return next(name, context)
        throw Object.assign(new Error("Cannot find package 'amqplib'"), { code: 'ERR_MODULE_NOT_FOUND' })
      },
    })
    const { AmqpBroker } = await import(${JSON.stringify(import.meta.resolve('../../../src/stores/rabbitmq/broker.ts'))})
    const broker = new AmqpBroker('amqp://127.0.0.1:1')
    const tell = (error) => console.log(error.code, error.message)
    await broker.size('q').catch(tell)
    await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'n' }).catch(tell)
    await broker.close()`
  const told = await output(process.execPath, [...process.execArgv, '--input-type=module', '-e', source])
  expect(told).toMatch(/^(?:INVALID_CONFIG .*npm install amqplib\n){2}$/)
})
