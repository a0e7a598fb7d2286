import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { parseControlOptions, send } from '../control/broadcast.ts'
import type { Event } from '../protocol/event.ts'

/**
 * How often all workers are asked, ms, as Flower does: on SQLite and PostgreSQL a worker sends no event before it was
 * asked, so that it is not known whether there is one.
 */
const REPEAT_MS = 5000

/** Keeps the events of tasks enabled in all workers, most of which send none by themselves. */
export class Enabler {
  readonly #app: App
  #asked = Number.NEGATIVE_INFINITY
  /** A worker has started. */
  #isDue = false

  constructor(app: App) {
    this.#app = app
  }

  see({ type }: Event): void {
    if (type === 'worker-online') this.#isDue = true
  }

  /** Ask, if it is time. Rejects with StoreUnavailableError: the next call asks. */
  async ask(): Promise<void> {
    const now = this.#app.config.clock.now()
    if (!this.#isDue && now - this.#asked < REPEAT_MS && now >= this.#asked) return
    this.#isDue = false
    await send(internalsOf(this.#app), { method: 'enable_events', arguments: {} }, parseControlOptions({}))
    this.#asked = now
  }
}
