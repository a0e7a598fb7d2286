import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { ArgumentError } from '../../std/errors.ts'
import { type Direction, type Fault, ProxyConnection } from './proxyConnection.ts'

/** The server behind a proxy. */
export interface ProxyTarget {
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined
  readonly port: number
}

/** Start a proxy in front of a TCP server, on a free port of 127.0.0.1. It carries everything until it is disturbed. */
export async function startProxy(target: ProxyTarget): Promise<TcpProxy> {
  const server = createServer({ allowHalfOpen: true })
  const proxy = new TcpProxy(server, target)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return proxy
}

/**
 * A TCP proxy that disturbs connections on purpose, for tests. It has one fault at a time, for all open connections and
 * for those that are opened later: each of its methods replaces the fault before, and `resume` ends it. A single
 * connection is disturbed by its own methods (`connections`). Made by `startProxy`.
 */
export class TcpProxy {
  readonly #server: Server
  readonly #target: ProxyTarget
  readonly #connections = new Set<ProxyConnection>()
  #fault: Fault | 'refuse' | undefined
  #count = 0

  /** Made by `startProxy`. */
  constructor(server: Server, target: ProxyTarget) {
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#accept(client))
  }

  /** Where it listens, on 127.0.0.1. */
  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy was stopped')
    return address.port
  }

  /** The connections that are open, the oldest first. */
  get connections(): readonly ProxyConnection[] {
    return [...this.#connections]
  }

  /** The same URL through this proxy: user, password, path and query stay. Of any scheme, as `redis://db:6379/0`. */
  url(url: string): string {
    const through = new URL(url)
    if (through.host === '') throw new ArgumentError(`proxy: expected a URL with a host, got ${through.protocol}`)
    through.hostname = '127.0.0.1'
    through.port = String(this.port)
    return through.href
  }

  /** Carry nothing and keep everything: the bytes arrive after `resume`. */
  stall(): void {
    this.#set({ kind: 'stall' })
  }

  /**
   * Connections stay open and lose every byte. `resume` is for new connections: these never carry a byte again. When
   * one side closes its connection, the other side is closed too.
   */
  halfOpen(): void {
    this.#set({ kind: 'halfOpen' })
  }

  /** Carry this many bytes a second in each direction of each connection, one at a time. Default 1. */
  trickle(bytesPerSecond = 1): void {
    this.#set({ kind: 'trickle', bytesPerSecond: positive('trickle', bytesPerSecond) })
  }

  /** Carry each byte this many ms later, in each direction; also fractions of a ms. 0 carries at once. */
  delay(ms: number): void {
    this.#set({ kind: 'delay', ms: atLeastZero('delay', ms) })
  }

  /**
   * Carry each piece up to this many ms later. A connection keeps its own order; what different connections carry
   * arrives in another order than it was sent. `random` returns the share of `ms`, 0 to 1, for each piece.
   */
  reorder(ms: number, random: () => number = Math.random): void {
    this.#set({ kind: 'reorder', ms: atLeastZero('reorder', ms), random })
  }

  /**
   * Reset each connection (RST) when it has carried this many bytes more in this direction: in the middle of a frame,
   * for example. New connections too, until `resume`.
   */
  resetAfter(bytes: number, direction: Direction = 'toClient'): void {
    this.#set({ kind: 'resetAfter', bytes: positive('resetAfter', bytes), direction })
  }

  /** Reset every connection now (RST), on both sides. New connections are as before. */
  reset(): void {
    for (const connection of this.#connections) connection.reset()
  }

  /** Reset every connection, and each new one at once, until `resume`. */
  refuse(): void {
    this.#fault = 'refuse'
    this.reset()
  }

  /** End the fault: carry everything at once, also what was held back, and accept connections. */
  resume(): void {
    this.#set(undefined)
  }

  /** Reset what is open and stop listening. Resolves when all is closed. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.reset()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #set(fault: Fault | undefined): void {
    this.#fault = fault
    for (const connection of this.#connections) connection.set(fault)
  }

  #accept(client: Socket): void {
    if (this.#fault === 'refuse') {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const { host = '127.0.0.1', port } = this.#target
    const server = connect({ host, port, allowHalfOpen: true })
    const connection = new ProxyConnection(++this.#count, client, server, () => this.#connections.delete(connection))
    this.#connections.add(connection)
    if (this.#fault) connection.set(this.#fault)
  }
}

function positive(method: string, value: number): number {
  if (value > 0) return value
  throw new ArgumentError(`${method}: expected a number above 0, got ${value}`)
}

function atLeastZero(method: string, ms: number): number {
  if (ms >= 0) return ms
  throw new ArgumentError(`${method}: expected a number of ms from 0, got ${ms}`)
}
