import type { RedisConnection } from '../connection/connection.ts'

/** How long one wait lasts before the next begins, ms: bounds how long a silently dead connection goes unnoticed. */
const WAIT_TIMEOUT_MS = 12_000
/** Delay after a failed wait, ms. */
const RETRY_DELAY_MS = 500

export interface WaiterEvents {
  /** There is something in the list. */
  found(): void
  /** A wait failed; it is tried again. */
  failed(error: Error): void
}

/**
 * Waits for a list to have something, without taking it: moves its last element onto its own place, which blocks while there is
 * none (Redis >= 6.2). One connection for one list.
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

  /** Call back once when there is something; nothing if it waits already. */
  arm(): void {
    if (this.#armed || this.#stopped) return
    this.#armed = true
    void this.#wait()
  }

  /** Another connection has died: begin anew on a new one, as this may have died too, and nobody has noticed. */
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
