import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** One connection through the proxy. */
interface Pair {
  readonly client: Socket
  readonly upstream: Socket
  /** Stays open, and carries nothing any more. */
  dead: boolean
}

/** A TCP proxy on 127.0.0.1 that spoils connections on demand. */
export class TcpProxy {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #mode: 'pass' | 'swallow' | 'refuse' = 'pass'
  #delay = 0

  /** In front of a port of this machine. */
  static async start(target: number): Promise<TcpProxy> {
    const server = createServer()
    const proxy = new TcpProxy(server, target)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#accept(client))
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** How many connections are open through it, dead ones included. */
  get connections(): number {
    return this.#pairs.size
  }

  url(db = 0): string {
    return `redis://127.0.0.1:${this.port}/${db}`
  }

  /** Carry new connections; those that were made dead stay so. */
  pass(): void {
    this.#mode = 'pass'
  }

  /** Half-open: what is connected, and what connects from now on, stays open and carries not one byte more. */
  swallow(): void {
    this.#mode = 'swallow'
    for (const pair of this.#pairs) pair.dead = true
  }

  /** Cut every connection, and each new one at once, until `pass`. */
  refuse(): void {
    this.#mode = 'refuse'
    this.cut()
  }

  /** Reset every connection; new ones are welcome. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy()
      upstream.destroy()
    }
  }

  /** Hold every byte back for `ms`, in each direction. */
  delay(ms: number): void {
    this.#delay = ms
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#mode === 'refuse') {
      client.resetAndDestroy()
      return
    }
    const pair: Pair = { client, upstream: connect(this.#target, '127.0.0.1'), dead: this.#mode === 'swallow' }
    this.#pairs.add(pair)
    this.#carry(pair, pair.client, pair.upstream)
    this.#carry(pair, pair.upstream, pair.client)
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    let last = 0
    const later = (step: () => void): void => {
      const now = performance.now()
      if (this.#delay === 0 && last <= now) {
        step()
        return
      }
      last = Math.max(last, now + this.#delay)
      setTimeout(step, last - now)
    }
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      if (!pair.dead) later(() => !to.destroyed && !pair.dead && to.write(chunk))
    })
    from.on('close', () => {
      this.#pairs.delete(pair)
      if (pair.dead) to.destroy()
      else later(() => to.destroy())
    })
    // 'close' follows and is what matters.
    from.on('error', () => undefined)
  }
}
