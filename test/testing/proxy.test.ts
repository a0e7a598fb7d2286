import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startProxy, type TcpProxy } from '../../src/testing/proxy/tcpProxy.ts'
import { within } from '../wait.ts'

/** A server that answers with what it receives, and the sockets that it has accepted. */
let server: Server
let accepted: Socket[]
/** All that reached the server, on any connection, in its order. */
let arrived: string
let proxy: TcpProxy

beforeEach(async () => {
  accepted = []
  arrived = ''
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      arrived += bytes
      socket.write(bytes)
    })
    socket.on('end', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startProxy({ port: (server.address() as AddressInfo).port })
})
afterEach(async () => {
  await proxy.stop()
  for (const socket of accepted) socket.destroy()
  server.close()
})

/** A client of the proxy, and what it received. */
class Client {
  readonly socket: Socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  received = ''
  /** Resolves with the code of its error, or `closed`. */
  readonly ended: Promise<string>

  constructor() {
    let code = 'closed'
    this.socket.on('data', (bytes) => {
      this.received += bytes
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
    })
    this.ended = new Promise((resolve) => this.socket.once('close', () => resolve(code)))
    onTestFinished(() => void this.socket.destroy())
  }

  async receives(text: string): Promise<void> {
    const what = () => `the client receives ${JSON.stringify(text)}, it has ${JSON.stringify(this.received)}`
    const whole = (async () => {
      while (this.received.length < text.length) await once(this.socket, 'data')
    })()
    await within(what, whole)
    expect(this.received).toBe(text)
  }
}

/** A client whose connection goes all the way: it has received an answer. */
async function connected(): Promise<Client> {
  const client = new Client()
  client.socket.write('.')
  await client.receives('.')
  client.received = ''
  return client
}

/** What was written has reached the proxy: another connection, opened afterwards, is carried through or stands still too. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50))

describe('without a fault', () => {
  test('carries bytes both ways, and the end of each side by itself', async () => {
    const client = await connected()
    client.socket.end('last words')
    await client.receives('last words')
    expect(await within(() => 'the connection closes', client.ended)).toBe('closed')
    expect(proxy.connections).toEqual([])
  })

  test('carries more than its buffers hold, whole', async () => {
    const client = new Client()
    const text = 'celeriac'.repeat(1 << 20)
    client.socket.write(text)
    await client.receives(text)
  })

  test('a server that refuses connections resets the client', async () => {
    const other = await startProxy({ port: 1 })
    onTestFinished(() => other.stop())
    const socket = connect(other.port, '127.0.0.1')
    const [error] = await within(() => 'an error', once(socket, 'error'))
    expect((error as NodeJS.ErrnoException).code).toBe('ECONNRESET')
  })

  test('a URL through it keeps all but host and port', () => {
    expect(proxy.url('redis://user:pass%20word@db.example:6379/3?a=b')).toBe(
      `redis://user:pass%20word@127.0.0.1:${proxy.port}/3?a=b`,
    )
    expect(proxy.url('amqp://[::1]/v')).toBe(`amqp://127.0.0.1:${proxy.port}/v`)
    expect(() => proxy.url('sqlite:tasks.db')).toThrow('proxy: expected a URL with a host, got sqlite:')
  })
})

describe('a fault of all connections', () => {
  test('stall: nothing arrives, nothing is lost', async () => {
    const client = await connected()
    proxy.stall()
    const later = new Client()
    client.socket.write('one')
    later.socket.write('two')
    await turn()
    expect([client.received, later.received, arrived]).toEqual(['', '', '.'])
    proxy.resume()
    await Promise.all([client.receives('one'), later.receives('two')])
  })

  test('half-open: open and silent for ever; a connection opened after `resume` works', async () => {
    const client = await connected()
    proxy.halfOpen()
    const silent = new Client()
    client.socket.write('lost')
    silent.socket.write('lost')
    await turn()
    proxy.resume()
    client.socket.write('lost too')
    await (await connected()).socket.end()
    expect([client.received, silent.received]).toEqual(['', ''])
    expect(arrived).toBe('..')
    const ended = once(accepted[0] as Socket, 'close')
    client.socket.destroy()
    await within(() => 'the server sees that the client is gone', ended)
  })

  test('trickle: one byte after the other', async () => {
    const client = await connected()
    const pieces: number[] = []
    client.socket.on('data', ({ length }: Buffer) => pieces.push(length))
    proxy.trickle(50)
    const begun = performance.now()
    client.socket.write('12345')
    await client.receives('12345')
    // Two bytes may come together where the machine pauses; five take at least 80 ms.
    expect(performance.now() - begun).toBeGreaterThan(75)
    proxy.trickle(0.01)
    client.socket.write('67')
    await client.receives('123456')
    await turn()
    expect(client.received).toBe('123456')
    proxy.resume()
    await client.receives('1234567')
  })

  test.each([1, 5, 50])('delay: %i ms later, in each direction', async (ms) => {
    const client = await connected()
    proxy.delay(ms)
    const begun = performance.now()
    client.socket.write('late')
    await client.receives('late')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(2 * ms)
    client.received = ''
    client.socket.write('now')
    proxy.delay(0)
    await client.receives('now')
  })

  test('reorder: connections overtake one another, each keeps its order', async () => {
    const [first, second] = [await connected(), await connected()]
    arrived = ''
    const shares = [1, 0, 0]
    proxy.reorder(1000, () => shares.shift() ?? 0)
    first.socket.write('A')
    await turn()
    second.socket.write('B')
    await turn()
    first.socket.write('C')
    await Promise.all([first.receives('AC'), second.receives('B')])
    expect(arrived).toBe('BAC')
  })

  test.each(['toClient', 'toServer'] as const)(
    'resetAfter: that many bytes pass %s, then a reset',
    async (direction) => {
      const client = await connected()
      arrived = ''
      proxy.resetAfter(5, direction)
      client.socket.write('1234567')
      expect(await within(() => 'the reset', client.ended)).toBe('ECONNRESET')
      if (direction === 'toServer') expect(arrived).toBe('12345')
      else expect(client.received).toBe('12345')
      const next = new Client()
      next.socket.write('1234567')
      expect(await within(() => 'the reset of the next', next.ended)).toBe('ECONNRESET')
      proxy.resume()
      await connected()
    },
  )

  test('reset: once; refuse: until resume', async () => {
    const [first, second] = [await connected(), await connected()]
    proxy.reset()
    const codes = within(() => 'both are reset', Promise.all([first.ended, second.ended]))
    expect(await codes).toEqual(['ECONNRESET', 'ECONNRESET'])
    const third = await connected()
    proxy.refuse()
    expect(await within(() => 'the third is reset', third.ended)).toBe('ECONNRESET')
    expect(await within(() => 'a new one is reset', new Client().ended)).toBe('ECONNRESET')
    proxy.resume()
    await connected()
  })

  test('the next replaces it', async () => {
    const client = await connected()
    proxy.delay(600_000)
    client.socket.write('held')
    await turn()
    proxy.stall()
    proxy.delay(0)
    await client.receives('held')
  })
})

describe('a fault of one connection', () => {
  test('leaves the others alone, and can be ended by itself', async () => {
    const [first, second] = [await connected(), await connected()]
    expect(proxy.connections.map(({ number }) => number)).toEqual([1, 2])
    proxy.connections[0]?.stall()
    first.socket.write('one')
    second.socket.write('two')
    await second.receives('two')
    expect(first.received).toBe('')
    proxy.connections[0]?.resume()
    await first.receives('one')
    proxy.connections[1]?.reset()
    expect(await within(() => 'the reset', second.ended)).toBe('ECONNRESET')
    first.socket.write('!')
    await first.receives('one!')
  })
})

test('stop resets all, frees the port, and may be called again', async () => {
  const { port } = proxy
  const client = await connected()
  await proxy.stop()
  await proxy.stop()
  expect(await within(() => 'the reset', client.ended)).toBe('ECONNRESET')
  const [error] = await within(() => 'the port is closed', once(connect(port, '127.0.0.1'), 'error'))
  expect((error as NodeJS.ErrnoException).code).toBe('ECONNREFUSED')
  expect(() => proxy.port).toThrow('the proxy was stopped')
})

test('stop does not wait for a client that reads nothing', async () => {
  const client = await connected()
  client.socket.pause()
  client.socket.write('x'.repeat(1 << 24))
  const [socket] = accepted
  await within(
    () => 'answers pile up',
    (async () => {
      while ((socket?.writableLength ?? 0) === 0) await turn()
    })(),
  )
  await within(() => 'the proxy stops', proxy.stop(), 20_000)
})

test('what makes no sense is refused', () => {
  expect(() => proxy.trickle(0)).toThrow('trickle: expected a number above 0, got 0')
  expect(() => proxy.resetAfter(-1)).toThrow('resetAfter: expected a number above 0, got -1')
  expect(() => proxy.delay(Number.NaN)).toThrow('delay: expected a number of ms from 0, got NaN')
})
