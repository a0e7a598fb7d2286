import type { Socket } from 'node:net'
import { CARRY, type Flow, Pipe } from './pipe.ts'

/** A direction of a connection through a proxy. */
export type Direction = 'toServer' | 'toClient'

/** How connections are disturbed: one fault at a time, which replaces the one before. */
export type Fault =
  | { readonly kind: 'stall' }
  | { readonly kind: 'halfOpen' }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'reorder'; readonly ms: number; readonly random: () => number }
  | { readonly kind: 'resetAfter'; readonly bytes: number; readonly direction: Direction }

/**
 * One connection through a `TcpProxy`. Its methods disturb this connection alone; those of the proxy, which have the
 * same names, disturb all.
 */
export class ProxyConnection {
  /** Position in the order in which the connections of its proxy were opened: 1 is the first. */
  readonly number: number
  readonly #client: Socket
  readonly #server: Socket
  readonly #pipes: Readonly<Record<Direction, Pipe>>
  /** It has lost bytes: it must never carry any again. */
  #dead = false

  /** Made by the proxy. `closed` is called once, when both sockets are. */
  constructor(number: number, client: Socket, server: Socket, closed: () => void) {
    this.number = number
    this.#client = client
    this.#server = server
    this.#pipes = { toServer: new Pipe(client, server), toClient: new Pipe(server, client) }
    let open = 2
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      let failed = false
      // 'close' follows.
      socket.on('error', () => {
        failed = true
      })
      socket.once('end', () => this.#endDead())
      socket.once('close', () => {
        if (failed) this.reset()
        else if (this.#dead) other.destroy()
        if (--open === 0) closed()
      })
    }
  }

  /** Carry nothing and keep everything: the bytes arrive after `resume`. */
  stall(): void {
    this.set({ kind: 'stall' })
  }

  /**
   * Stay open and lose every byte, for ever: also after `resume`. When one side closes the connection, the other side
   * is closed too.
   */
  halfOpen(): void {
    this.set({ kind: 'halfOpen' })
  }

  /** Carry this many bytes a second in each direction, one at a time. Default 1. */
  trickle(bytesPerSecond = 1): void {
    this.set({ kind: 'trickle', bytesPerSecond })
  }

  /** Carry each byte this many ms later, in each direction; also fractions of a ms. */
  delay(ms: number): void {
    this.set({ kind: 'delay', ms })
  }

  /**
   * Carry each piece up to this many ms later. A connection keeps its own order; what different connections carry
   * arrives in another order than it was sent. `random` returns the share of `ms`, 0 to 1, for each piece.
   */
  reorder(ms: number, random: () => number = Math.random): void {
    this.set({ kind: 'reorder', ms, random })
  }

  /** Reset it (RST) when it has carried this many bytes more in this direction: in the middle of a frame, perhaps. */
  resetAfter(bytes: number, direction: Direction = 'toClient'): void {
    this.set({ kind: 'resetAfter', bytes, direction })
  }

  /** End the fault: carry everything at once, also what was held back. */
  resume(): void {
    this.set(undefined)
  }

  /** Reset it now (RST), on both sides. */
  reset(): void {
    for (const pipe of Object.values(this.#pipes)) pipe.close()
    resetSocket(this.#client)
    resetSocket(this.#server)
  }

  /** The fault, or none: what the other methods set. */
  set(fault: Fault | undefined): void {
    if (this.#dead) return
    if (fault?.kind === 'halfOpen') this.#dead = true
    for (const direction of ['toServer', 'toClient'] as const) {
      this.#pipes[direction].set(fault ? this.#flow(fault, direction) : CARRY)
    }
    this.#endDead()
  }

  /** No end passes a dead connection: both sides are closed when one has ended. */
  #endDead(): void {
    const sockets = [this.#client, this.#server]
    if (this.#dead && sockets.some(({ readableEnded }) => readableEnded)) for (const socket of sockets) socket.destroy()
  }

  #flow(fault: Fault, direction: Direction): Flow {
    switch (fault.kind) {
      case 'stall':
        return { does: 'hold' }
      case 'halfOpen':
        return { does: 'drop' }
      case 'trickle':
        return { does: 'carry', bytesPerSecond: fault.bytesPerSecond }
      case 'delay':
        return { does: 'carry', delay: () => fault.ms }
      case 'reorder':
        return { does: 'carry', delay: () => fault.random() * fault.ms }
      case 'resetAfter':
        if (fault.direction !== direction) return CARRY
        return { does: 'carry', cut: { bytes: fault.bytes, done: () => this.reset() } }
    }
  }
}

function resetSocket(socket: Socket): void {
  // Nothing to reset before it is connected. While its end is being sent, libuv refuses to reset it, and it stays open.
  const canReset = !socket.connecting && !socket.destroyed && (!socket.writableEnded || socket.writableFinished)
  const isFlushed = socket.writableLength === 0
  if (canReset) socket.resetAndDestroy()
  // `resetAndDestroy` waits until the peer has read all that was written.
  if (!canReset || !isFlushed) socket.destroy()
}
