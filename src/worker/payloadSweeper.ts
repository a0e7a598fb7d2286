import type { Stores } from '../calls/stores.ts'
import type { WorkerApp } from './workerApp.ts'

/** Between two steps of one walk over all keys, ms. */
const STEP_MS = 1000

/**
 * Looks for payloads that nothing needs any more, step by step, as long as its worker runs. Each worker does: an
 * interval differs from the next by chance, so that they seldom meet, and where they do, both remove the same.
 */
export class PayloadSweeper {
  readonly #app: Pick<WorkerApp, 'config' | 'signals'>
  readonly #stores: Stores
  #cancel: (() => void) | undefined
  #step: Promise<void> | undefined

  constructor(app: Pick<WorkerApp, 'config' | 'signals'>, stores: Stores) {
    this.#app = app
    this.#stores = stores
  }

  start(): void {
    const { payloads } = this.#stores
    if (!payloads) return
    const sweep = payloads.sweepOf(this.#stores)
    const { clock } = this.#app.config
    const pause = (): number => payloads.config.sweepInterval * (0.75 + Math.random() / 2)
    const later = (ms: number): void => {
      this.#cancel = clock.after(ms, () => {
        this.#step = step()
      })
    }
    const step = async (): Promise<void> => {
      let next = pause()
      try {
        if (!(await sweep.step()).end) next = Math.min(STEP_MS, next)
      } catch (error) {
        this.#app.signals.emit('worker:error', { error, doing: 'removing payloads' })
      }
      if (this.#cancel) later(next)
    }
    later(pause())
  }

  async stop(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    await this.#step
  }
}
