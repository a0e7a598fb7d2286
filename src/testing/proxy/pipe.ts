import type { Socket } from 'node:net'

/** What a pipe does with the bytes of its direction. */
export interface Flow {
  /** `hold` keeps the bytes, `drop` loses them. */
  readonly does: 'carry' | 'hold' | 'drop'
  /** How long each piece stays in the proxy, ms; asked once for each piece. */
  readonly delay?: () => number
  /** Carry this many bytes a second, one at a time. */
  readonly bytesPerSecond?: number
  /** After this many bytes more, carry no others and call `done`. */
  readonly cut?: { readonly bytes: number; readonly done: () => void }
}

export const CARRY: Flow = { does: 'carry' }

interface Piece {
  due: number
  bytes: Buffer
}

/** So many bytes wait in a pipe before it stops reading. */
const HIGH_WATER = 1 << 20

/** One direction of a connection: reads a socket and writes another one, as its flow prescribes. */
export class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #pieces: Piece[] = []
  #flow: Flow = CARRY
  /** Bytes that wait here. */
  #waiting = 0
  #carried = 0
  /** Moment of the next byte of a trickle. */
  #nextByte = 0
  #ended = false
  #closed = false
  #cancel: (() => void) | undefined

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.setNoDelay(true)
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => {
      this.#ended = true
      this.#move()
    })
    to.on('drain', () => this.#move())
  }

  /** Replaces the flow for all bytes that are not carried yet. */
  set(flow: Flow): void {
    this.#flow = flow
    this.#carried = 0
    this.#nextByte = 0
    if (flow.does === 'drop') {
      this.#pieces.length = 0
      this.#waiting = 0
    }
    // Without a delay nothing is held back any more, nor what an earlier delay held back.
    if (!flow.delay) for (const piece of this.#pieces) piece.due = 0
    this.#move()
  }

  /** Carries nothing more. */
  close(): void {
    this.#closed = true
    this.#pieces.length = 0
    this.#cancel?.()
  }

  #take(bytes: Buffer): void {
    if (this.#closed || this.#flow.does === 'drop') return
    this.#pieces.push({ due: this.#due(), bytes })
    this.#waiting += bytes.length
    this.#move()
  }

  /** Never before the piece ahead of it: one direction of a connection keeps its order. */
  #due(): number {
    const { delay } = this.#flow
    if (!delay) return 0
    return Math.max(performance.now() + delay(), this.#pieces.at(-1)?.due ?? 0)
  }

  /** Carry all that may be carried now, and come back for the rest. */
  #move(): void {
    this.#cancel?.()
    this.#cancel = undefined
    while (!this.#closed && this.#flow.does === 'carry' && !this.#to.writableNeedDrain) {
      const [piece] = this.#pieces
      if (!piece) break
      const wait = Math.max(piece.due, this.#nextByte) - performance.now()
      if (wait > 0) {
        this.#cancel = after(wait, () => this.#move())
        break
      }
      this.#carry(piece)
    }
    this.#balance()
  }

  #carry(piece: Piece): void {
    const { bytesPerSecond, cut } = this.#flow
    const left = cut ? cut.bytes - this.#carried : Number.POSITIVE_INFINITY
    const count = Math.min(piece.bytes.length, left, bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : 1)
    if (bytesPerSecond !== undefined) this.#nextByte = performance.now() + 1000 / bytesPerSecond
    const now = piece.bytes.subarray(0, count)
    piece.bytes = piece.bytes.subarray(count)
    if (piece.bytes.length === 0) this.#pieces.shift()
    this.#waiting -= count
    this.#carried += count
    if (count < left || !cut) {
      this.#to.write(now)
      return
    }
    // The system must have these bytes before the connection is reset.
    this.#closed = true
    this.#to.write(now, () => setImmediate(cut.done))
  }

  #balance(): void {
    if (this.#closed) return
    const full = this.#waiting >= HIGH_WATER || this.#flow.does === 'hold'
    if (full && !this.#from.isPaused()) this.#from.pause()
    if (!full && this.#from.isPaused()) this.#from.resume()
    const done = this.#ended && this.#pieces.length === 0 && this.#flow.does === 'carry'
    if (done && this.#to.writable) this.#to.end()
  }
}

/** Timers know whole milliseconds: the last two pass in turns of the event loop, which is exact to some µs. */
function after(ms: number, then: () => void): () => void {
  if (ms > 2) {
    const timer = setTimeout(then, ms - 2)
    return () => clearTimeout(timer)
  }
  const immediate = setImmediate(then)
  return () => clearImmediate(immediate)
}
