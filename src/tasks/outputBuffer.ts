import { type Emission, writeEmission } from '../protocol/emission.ts'
import type { SerializerName } from '../protocol/encoding.ts'
import { ArgumentError, EncodeError } from '../std/errors.ts'
import type { StopSignal } from '../std/stopSignal.ts'

/** Takes what a job emits; calls `taken` when it is stored, or will never be stored. In order. */
export type Emit = (emission: string | Uint8Array, taken: () => void) => void

/** Longest emission, bytes as it is stored. */
const MAX_EMISSION_BYTES = 65_536
/** Beyond either, a job that awaits its emissions waits for the store. */
const WAIT_ABOVE = { count: 1000, bytes: 2 ** 20 }
/** Beyond either, a job that does not await its emissions fails: this bounds the memory. */
const FAIL_ABOVE = { count: 10_000, bytes: 2 ** 24 }

/** Emissions of one job that the store has not kept yet, within bounds. */
export class OutputBuffer {
  readonly #emit: Emit | undefined
  readonly #serializer: SerializerName
  readonly #attempt: number
  #count = 0
  #bytes = 0
  #room: Room | undefined

  /** Without `emit` all is checked, and dropped. */
  constructor(emit: Emit | undefined, serializer: SerializerName, attempt: number) {
    this.#emit = emit
    this.#serializer = serializer
    this.#attempt = attempt
  }

  /** The store does not keep pace: callers that can wait must wait. */
  get isFull(): boolean {
    return this.#count >= WAIT_ABOVE.count || this.#bytes >= WAIT_ABOVE.bytes
  }

  /**
   * Throws EncodeError for a value that cannot be sent or is too long, ArgumentError where far too much is under way.
   */
  send(kind: Emission['kind'], value: unknown): void {
    const body = writeEmission({ kind, attempt: this.#attempt, value }, this.#serializer)
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    if (size > MAX_EMISSION_BYTES)
      throw new EncodeError(`${kind}: expected at most ${MAX_EMISSION_BYTES} bytes as it is stored, got ${size}`)
    if (!this.#emit) return
    if (this.#count >= FAIL_ABOVE.count || this.#bytes + size > FAIL_ABOVE.bytes) {
      const got = `${this.#count} with ${this.#bytes} bytes`
      throw new ArgumentError(
        `${kind}: expected at most ${FAIL_ABOVE.count} with ${FAIL_ABOVE.bytes} bytes that the store has not taken yet, got ${got}: await each`,
      )
    }
    this.#count++
    this.#bytes += size
    this.#emit(body, () => this.#taken(size))
  }

  /** Resolves when the store has caught up, or on abort; at once where it keeps pace. */
  room(signal: StopSignal): Promise<void> | undefined {
    if (!this.isFull || signal.aborted) return undefined
    this.#room ??= new Room(signal)
    return this.#room.free
  }

  #taken(size: number): void {
    this.#count--
    this.#bytes -= size
    if (this.isFull) return
    this.#room?.open()
    this.#room = undefined
  }
}

/** One wait for the store, of however many. */
class Room {
  readonly free: Promise<void>
  readonly #signal: StopSignal
  readonly #resolve: () => void
  readonly open = (): void => {
    this.#signal.removeEventListener('abort', this.open)
    this.#resolve()
  }

  constructor(signal: StopSignal) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.free = promise
    this.#resolve = resolve
    this.#signal = signal
    signal.addEventListener('abort', this.open)
  }
}
