import { createServer } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { nodeContext } from '../../../src/http/server/serve.ts'
import { askTask, bodyOf, listen, newApp, rawRequest } from './contexts.ts'

/** What a task knows of a request of these lines. */
async function seenOf(options: CeleriacOptions, lines: string[], first = 'GET /x HTTP/1.1') {
  const app = newApp(options)
  const server = createServer(
    nodeContext(app, (_request, response) => {
      void askTask(app).then(
        (seen) => response.end(JSON.stringify(seen)),
        (error) => response.writeHead(500).end(String(error)),
      )
    }),
  )
  const { port } = new URL(await listen(server))
  return bodyOf(await rawRequest(Number(port), `${[first, ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`))
}

describe('the base URL', () => {
  test.each([
    ['garbage', 'shop.example"><script>'],
    ['a user', 'shop.example@evil.example'],
    ['a path', 'shop.example/evil'],
    ['a space', 'shop.example evil.example'],
    ['a query', 'shop.example?x'],
    ['nothing', ''],
    ['a port that is none', 'shop.example:http'],
  ])('of a host that is none (%s) is not known', async (_what, host) => {
    const seen = await seenOf({}, [`Host: ${host}`])
    expect(seen.path).toBe('/x')
    expect(seen.baseUrl).toBeUndefined()
  })

  test.each([
    ['Shop.Example', 'http://shop.example'],
    ['shop.example:8080', 'http://shop.example:8080'],
    ['[::1]:8080', 'http://[::1]:8080'],
  ])('of the host %s', async (host, url) => {
    expect((await seenOf({}, [`Host: ${host}`])).baseUrl).toBe(url)
  })

  const proxied = [
    'Host: inner',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: shop.example',
    'X-Forwarded-Prefix: /eu/',
    'Forwarded: for=1.2.3.4;host=client.example;proto=http, for="[::1]";host="rfc.example";proto=https',
  ]
  test('a proxy is believed when the app says so, and its nearest word counts', async () => {
    const request = (trustProxy: 'forwarded' | 'x-forwarded' | false) => ({ request: { trustProxy } })
    expect((await seenOf({}, proxied)).baseUrl).toBe('http://inner')
    expect((await seenOf(request('x-forwarded'), proxied)).baseUrl).toBe('https://shop.example/eu')
    expect((await seenOf(request('forwarded'), proxied)).baseUrl).toBe('https://rfc.example')
    const list = ['Host: inner', 'X-Forwarded-Host: client.example, shop.example', 'X-Forwarded-Proto: http,https']
    expect((await seenOf(request('x-forwarded'), list)).baseUrl).toBe('https://shop.example')
    expect((await seenOf(request('forwarded'), ['Host: inner'])).baseUrl).toBe('http://inner')
    for (const garbled of [
      'Forwarded: host=a b',
      'Forwarded: host="a',
      'Forwarded: host=evil.example/x;proto=https',
      'Forwarded: proto=javascript',
    ])
      expect((await seenOf(request('forwarded'), ['Host: inner', garbled])).baseUrl, garbled).toBeUndefined()
    for (const garbled of [
      'X-Forwarded-Host: a@b',
      'X-Forwarded-Proto: ftp',
      'X-Forwarded-Prefix: /../x',
      'X-Forwarded-Prefix: //x',
    ])
      expect((await seenOf(request('x-forwarded'), ['Host: inner', garbled])).baseUrl, garbled).toBeUndefined()
  })

  test('the option takes the place of what a request says', async () => {
    const request = { baseUrl: 'https://shop.example/eu', trustProxy: 'x-forwarded' as const }
    expect((await seenOf({ request }, proxied)).baseUrl).toBe('https://shop.example/eu')
  })

  test('of a whole URL in the request line only the path counts', async () => {
    const seen = await seenOf({}, ['Host: shop.example'], 'GET http://evil.example/x?y=1 HTTP/1.1')
    expect(seen).toMatchObject({ path: '/x', query: { y: '1' }, baseUrl: 'http://shop.example' })
  })
})

describe('what a client sends', () => {
  test('headers by pattern leave out what looks like a secret, unless it is named', async () => {
    const lines = [
      'Host: a',
      'Authorization: Bearer s',
      'Proxy-Authorization: s',
      'Cookie: s=1',
      'X-Api-Key: s',
      'X-Auth-Token: s',
      'X-Csrf-Token: s',
      'X-Team: red',
    ]
    const star = await seenOf({ request: { headers: ['*'] } }, lines)
    expect(star.headers).toEqual({ host: 'a', 'x-team': 'red', connection: 'close' })
    const some = await seenOf({ request: { headers: ['x-*', 'Authorization', 'accept'] } }, lines)
    expect(some.headers).toEqual({ 'x-team': 'red', authorization: 'Bearer s' })
  })

  test('too long parts are left out and named: no client makes a call fail', async () => {
    const seen = await seenOf(
      {},
      ['Host: a', `X-Request-Id: ${'i'.repeat(5000)}`],
      `GET /x?${'q=é&'.repeat(700)} HTTP/1.1`.replaceAll('é', '%C3%A9'),
    )
    expect(seen).toMatchObject({ path: '/x', query: {}, headers: {}, omitted: ['query', 'headers'] })
    const long = await seenOf({}, ['Host: a'], `GET /${'p'.repeat(9000)} HTTP/1.1`)
    expect(long).toMatchObject({ omitted: ['path'] })
    expect(long.path).toBeUndefined()
  })

  test('names of the query that are special to JavaScript, and a trace that is none', async () => {
    const seen = await seenOf(
      {},
      ['Host: a', 'traceparent: 00-zz', 'tracestate: x=1'],
      'GET /x?__proto__=1&constructor=2&toString=3&toString=4 HTTP/1.1',
    )
    expect(seen).toMatchObject({ query: { constructor: '2', toString: ['3', '4'] } })
    expect(seen.traceparent).toBeUndefined()
    expect(seen.tracestate).toBeUndefined()
  })
})
