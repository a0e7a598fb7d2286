import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect, test } from 'vitest'
import { parseWebhooks, type WebhookConfig, type WebhookOptions } from '../../src/config/webhookOptions.ts'
import { Celeriac } from '../../src/index.ts'
import { ArgumentError, Fatal } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { isPublicAddress } from '../../src/std/publicAddress.ts'
import { pinUrl } from '../../src/webhook/addressGuard.ts'
import { post } from '../../src/webhook/post.ts'
import { delayAfter } from '../../src/webhook/task.ts'
import { webhookUrl } from '../../src/webhook/url.ts'
import { secretOf } from './receiver.ts'

const configOf = (options: Partial<WebhookOptions> = {}): WebhookConfig =>
  parseWebhooks({ secret: secretOf('one'), ...options }, 'test') as WebhookConfig

test.each([
  '127.0.0.1',
  '127.255.0.1',
  '0.0.0.0',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '192.0.0.192',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '::ffff:8.8.8.8',
  'fe80::1',
  'fe80::1%eth0',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  '2001:db8::1',
  'localhost',
  '',
])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false))

test.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::200e'])(
  '%s is public',
  (address) => expect(isPublicAddress(address)).toBe(true),
)

test.each([
  'http://example.com/',
  'ftp://example.com/',
  'https://user:pw@example.com/',
  'https://example.com/#x',
  'https://127.0.0.1/',
  'https://0x7f.1/',
  'https://2130706433/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://169.254.169.254/latest/meta-data',
  'https://localhost/',
  'https://x.localhost/',
  'javascript:alert(1)',
  'not a url',
  `https://example.com/${'x'.repeat(2048)}`,
  42,
])('a call with %s is refused', (url) => expect(() => webhookUrl(url, configOf())).toThrow(ArgumentError))

test('the allow-list: hosts, ports and everything below a name', () => {
  const config = configOf({ allow: ['localhost:8080', '10.0.0.5', '*.internal', '[::1]'] })
  for (const url of ['http://localhost:8080/', 'http://10.0.0.5:99/', 'https://a.b.internal/', 'http://[::1]/'])
    expect(webhookUrl(url, config).href).toBe(url)
  for (const url of [
    'http://localhost:8081/',
    'https://localhost/',
    'http://internal/',
    'http://10.0.0.6/',
    'http://xinternal/',
  ])
    expect(() => webhookUrl(url, config), url).toThrow(ArgumentError)
})

test('a name with any private address is refused, for good', async () => {
  for (const addresses of [['127.0.0.1'], ['8.8.8.8', '10.0.0.1'], ['::ffff:10.0.0.1']])
    await expect(pinUrl('https://evil.example/', configOf(), async () => addresses)).rejects.toThrow(Fatal)
  const { address } = await pinUrl('https://good.example/', configOf(), async () => ['8.8.8.8', '1.1.1.1'])
  expect(address).toBe('8.8.8.8')
})

test('DNS is asked once: an answer that changes afterwards leads nowhere else', async () => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.socket.localAddress} ${request.headers.host}`)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  const { port } = server.address() as AddressInfo
  const answers = [['127.0.0.2'], ['127.0.0.1']]
  let asked = 0
  const resolve = async (): Promise<readonly string[]> => answers[asked++] ?? []
  const target = await pinUrl(`http://rebind.test:${port}/x`, configOf({ allow: ['rebind.test'] }), resolve)
  expect(await post(target, '{}', {}, 2000)).toEqual({ status: 200, retryAfter: undefined })
  expect({ asked, seen }).toEqual({ asked: 1, seen: [`127.0.0.2 rebind.test:${port}`] })
  server.closeAllConnections()
  server.close()
})

test('TLS is asked for by name, at the pinned address, and must be right', async () => {
  const names: string[] = []
  const server = createTlsServer({
    SNICallback: (name, done) => {
      names.push(name)
      done(new Error('no certificate'))
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const target = await pinUrl(`https://tls.test:${port}/`, configOf({ allow: ['tls.test'] }), async () => ['127.0.0.1'])
  await expect(post(target, '{}', {}, 2000)).rejects.toThrow()
  expect(names).toEqual(['tls.test'])
  server.close()
})

test('waits grow from 5 s to 24 h', () => {
  const waits = Array.from({ length: 17 }, (_, index) => delayAfter(index + 1, undefined, 0.5) / 1000)
  expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40])
  expect(waits.slice(-2)).toEqual([86_400, 86_400])
  expect(delayAfter(1, undefined, 0)).toBe(4500)
  expect(delayAfter(1, undefined, 1)).toBe(5500)
})

test.each([
  [{ secret: 'whsec_short' }, 'secret'],
  [{ secret: Buffer.alloc(32).toString('base64') }, 'secret'],
  [{ secret: [] }, 'secret'],
  [{ allow: ['http://x/'] }, 'allow'],
  [{ retries: -1 }, 'retries'],
  [{ timeout: 0 }, 'timeout'],
  [{ sekret: 1 }, 'unknown option sekret'],
])('options %j are refused', (options, reason) => {
  expect(() => configOf(options as Partial<WebhookOptions>)).toThrow(reason)
})

test('a call with a webhook needs an app with a secret, and says so at once', () => {
  const options = { broker: 'memory:', logger: createLogger('silent') }
  const bare = new Celeriac(options).task('add', (x: number) => x)
  expect(() => bare.applyAsync([1], { webhook: 'https://example.com/' })).toThrow('webhooks')
  const app = new Celeriac({ ...options, webhooks: { secret: secretOf('one') } })
  const add = app.task('add', (x: number) => x)
  expect(() => add.applyAsync([1], { webhook: 'https://10.0.0.1/' })).toThrow(ArgumentError)
  expect(app.tasks.has('celeriac.webhook')).toBe(true)
})
