import { expect, test } from 'vitest'
import { Proxies } from '../../../src/http/dashboard/proxies.ts'

const PROXIES = new Proxies(['10.0.0.1', '10.0.0.2', '2001:DB8::1'])

test.for<[from: string | undefined, forwarded: string | undefined, proto: string | undefined, client: unknown]>([
  ['192.0.2.5', '203.0.113.7', 'https', { address: '192.0.2.5', isSecure: false }],
  ['10.0.0.1', '203.0.113.7', 'https', { address: '203.0.113.7', isSecure: true }],
  ['::ffff:10.0.0.1', '203.0.113.7', undefined, { address: '203.0.113.7', isSecure: false }],
  // What the client itself wrote before is not believed.
  ['10.0.0.1', '127.0.0.1, 203.0.113.7, 10.0.0.2', 'http', { address: '203.0.113.7', isSecure: false }],
  ['10.0.0.1', '10.0.0.2, 10.0.0.1', 'https', { address: '10.0.0.1', isSecure: true }],
  ['10.0.0.1', 'no address', 'HTTPS', { address: '10.0.0.1', isSecure: true }],
  ['10.0.0.1', undefined, 'http, https', { address: '10.0.0.1', isSecure: true }],
  ['10.0.0.1', Array(50).fill('203.0.113.7').join(','), 'https', { address: '10.0.0.1', isSecure: true }],
  ['2001:db8::1', '203.0.113.7', 'https', { address: '203.0.113.7', isSecure: true }],
  [undefined, '203.0.113.7', 'https', { address: undefined, isSecure: false }],
])('from %s for %s, %s', ([from, forwarded, proto, client]) => {
  const headers = new Headers()
  if (forwarded !== undefined) headers.set('x-forwarded-for', forwarded)
  if (proto !== undefined) headers.set('x-forwarded-proto', proto)
  expect(PROXIES.clientOf(from, headers)).toEqual(client)
})

test('what is no address is refused', () => {
  expect(() => new Proxies(['example.com'])).toThrow(/expected IP addresses, got example.com/)
})
