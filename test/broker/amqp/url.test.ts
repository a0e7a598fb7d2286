import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/std/errors.ts'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { parseAmqpUrl } from '../../../src/stores/rabbitmq/url.ts'

const GUEST = { username: 'guest', password: 'guest', vhost: '/', port: 5672, hostname: 'localhost' }

describe('parseAmqpUrl', () => {
  test.each([
    ['amqp://', GUEST],
    ['pyamqp://guest@localhost//', { ...GUEST, password: '' }],
    ['amqp://h', { ...GUEST, hostname: 'h' }],
    ['AMQP://h:1/', { ...GUEST, hostname: 'h', port: 1 }],
    ['amqp://u:p%40%2F@h:1/v%2Fw', { username: 'u', password: 'p@/', hostname: 'h', port: 1, vhost: 'v/w' }],
    ['amqp://u@h/v', { username: 'u', password: '', hostname: 'h', port: 5672, vhost: 'v' }],
    ['amqp://h//v', { ...GUEST, hostname: 'h', vhost: '/v' }],
    ['amqp://[::1]:5673', { ...GUEST, hostname: '::1', port: 5673 }],
  ])('%s', (url, expected) => {
    expect(parseAmqpUrl(url)).toEqual([expect.objectContaining({ ...expected, tls: undefined })])
  })

  test('several', () => {
    expect(parseAmqpUrl('amqp://a;amqp://b:1').map(({ hostname, port }) => [hostname, port])).toEqual([
      ['a', 5672],
      ['b', 1],
    ])
  })

  test('amqps: TLS, checked unless told otherwise', () => {
    expect(parseAmqpUrl('amqps://h')[0]).toMatchObject({
      port: 5671,
      tls: { servername: 'h', rejectUnauthorized: true },
    })
    expect(parseAmqpUrl('amqps://h?ssl_cert_reqs=none')[0]?.tls).toMatchObject({ rejectUnauthorized: false })
  })

  test.each([
    ['amqp:h', /expected amqp:\/\//],
    ['amqp://h:0', /port of 1 to 65535, got 0/],
    ['amqp://u:%@h', /got a lone %/],
    ['amqp://h?heartbaet=3', /expected parameters heartbeat, got heartbaet/],
    ['amqp://h?heartbeat=soon', /heartbeat in whole seconds, 0 to 65535, got soon/],
    ['amqps://h?x=1', /parameters heartbeat, ssl_cert_reqs.*got x/],
    [`amqp://h/${'v'.repeat(256)}`, /virtual host of at most 255 bytes, got 256/],
    ['amqps://h?ssl_cert_reqs=maybe', /expected none, optional or required, got maybe/],
    ['amqps://h?ssl_ca_certs=/no/such', /ssl_ca_certs: cannot be read/],
    ['amqp://h;redis://h', /expected amqp/],
  ])('%s is refused', (url, message) => {
    expect(() => parseAmqpUrl(url)).toThrow(ConfigError)
    expect(() => parseAmqpUrl(url)).toThrow(message)
  })

  test("heartbeat, and RabbitMQ's own words for TLS, are heeded; what other clients know is one warning", () => {
    expect(parseAmqpUrl('amqp://h?heartbeat=30;amqp://i').map(({ heartbeat }) => heartbeat)).toEqual([30, undefined])
    const [first] = parseAmqpUrl('amqps://h?verify=verify_none&heartbeat=0')
    expect([first?.tls?.rejectUnauthorized, first?.heartbeat, first?.ignored]).toEqual([false, 0, []])
    const warnings: string[] = []
    const url = 'amqp://u:secret@h/v?heartbeat=10&connection_timeout=5000&channel_max=64&ssl_cert_reqs=none'
    new AmqpBroker(url, { warn: (message) => warnings.push(message) })
    const names = 'connection_timeout, channel_max, ssl_cert_reqs'
    const place = url.replace('secret', '**')
    expect(warnings).toEqual([`${place}: parameters of the URL that change nothing here: ${names}`])
  })

  test('no password shows', () => {
    expect(new AmqpBroker('amqp://u:secret@h/v;amqp://u:hidden@i').url).toBe('amqp://u:**@h/v;amqp://u:**@i')
    expect(() => parseAmqpUrl('amqp://u:secret@h:99999/')).toThrow(/\*\*/)
  })
})
