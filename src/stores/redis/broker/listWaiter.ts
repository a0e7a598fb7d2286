import type { RedisConnection } from '../connection/connection.ts'

/** How long one wait lasts before the next begins, ms: this bounds how long a dead connection stays unnoticed. */
const WAIT_TIMEOUT_MS = 12_000
/** Delay after a failed wait, ms. */
const RETRY_DELAY_MS = 500

export interface WaiterEvents {
  /** The list is not empty. */
  found(): void
  /** A wait failed; it is tried again. */
  failed(error: Error): void
}

/**
 * Waits until a list has a message, without taking it: moves its last element to the end of the same list, which blocks
 * while the list is empty (Redis >= 6.2). One connection for one list.
 */
export class ListWaiter {
  readonly #source: RedisConnection
  readonly #list: string
  readonly #events: WaiterEvents
  #connection: RedisConnection | undefined
  #armed = false
  #stopped = false

  constructor(source: RedisConnection, list: string, events: WaiterEvents) {
    this.#source = source
    this.#list = list
    this.#events = events
  }

  /** Call back once when there is a message; does nothing if it waits already. */
  arm(): void {
    if (this.#armed || this.#stopped) return
    this.#armed = true
    void this.#wait()
  }

  /** Another connection has died: start again on a new one, as this one may have died too, unnoticed. */
  renew(): void {
    const old = this.#connection
    this.#connection = undefined
    void old?.close()
  }

  stop(): void {
    this.#stopped = true
    void this.#connection?.close()
  }

  async #wait(): Promise<void> {
    while (!this.#stopped) {
      const connection = this.#connection ?? this.#source.duplicate()
      this.#connection = connection
      try {
        const seconds = WAIT_TIMEOUT_MS / 1000
        const found = await connection.blocking(
          WAIT_TIMEOUT_MS,
          'BLMOVE',
          this.#list,
          this.#list,
          'RIGHT',
          'RIGHT',
          seconds,
        )
        if (found !== null) break
      } catch (error) {
        if (this.#connection !== connection) continue
        if (!this.#stopped) this.#events.failed(error as Error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS).unref())
      }
    }
    this.#armed = false
    if (!this.#stopped) this.#events.found()
  }
}
