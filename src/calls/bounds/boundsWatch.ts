import type { ResultBackend } from '../../backend/backend.ts'
import { Keeping, type KeepingCaps } from '../../backend/bounds/keeping.ts'
import type { Broker } from '../../broker/broker.ts'
import type { Config } from '../../config/config.ts'
import type { QueueBounds } from '../../config/queueOptions.ts'
import { uuid } from '../../std/id.ts'
import { keptUses, namedQueues, queueUses } from './boundUses.ts'
import { BoundWarnings } from './boundWarnings.ts'

/** How often queues are looked at, ms, and what is kept, in looks. */
const INTERVAL_MS = 15_000
const LOOKS_PER_TRIM = 4
/** What is kept is counted for at most this part of the time. */
const COUNTED_SHARE = 0.01

export interface WatchParts {
  readonly stores: { readonly broker: Pick<Broker, 'size'>; readonly backend: Pick<ResultBackend, 'rows' | 'notes'> }
  readonly boundOf: QueueBounds | undefined
  readonly caps: KeepingCaps | undefined
  config(): Config
}

/**
 * Trims what is kept, and warns while something is nearly full. Of the processes of an app one does it: it renews a
 * note; another takes over when it has not done so for two intervals.
 */
export class BoundsWatch {
  readonly #parts: WatchParts
  readonly #name: string = uuid()
  readonly #warnings: BoundWarnings
  #looks = 0
  #notBefore = 0
  #isClosed = false
  #cancel: () => void = () => undefined

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#warnings = new BoundWarnings(() => parts.config())
  }

  start(): void {
    if (this.#isClosed) return
    const look = async (): Promise<void> => {
      try {
        await this.look()
      } catch {
        // The store is unavailable, which whatever needs it reports; it is looked at again.
      }
      this.start()
    }
    this.#cancel = this.#parts.config().clock.after(INTERVAL_MS, () => void look(), true)
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  async look(): Promise<void> {
    if (!(await this.#isOurs())) return
    const { stores, boundOf } = this.#parts
    if (boundOf) {
      const queues = new Set(namedQueues(this.#parts.config()))
      this.#warnings.judge(await queueUses(stores.broker, boundOf, queues))
    }
    if (this.#looks++ % LOOKS_PER_TRIM === 0) await this.#trim()
  }

  async #trim(): Promise<void> {
    const { stores, caps } = this.#parts
    const since = performance.now()
    if (!caps || !stores.backend.rows || since < this.#notBefore) return
    const { kept, dropped } = await new Keeping(await stores.backend.rows()).trim(caps)
    const now = performance.now()
    this.#notBefore = now + (now - since) / COUNTED_SHARE
    const { logger } = this.#parts.config()
    if (dropped.results + dropped.logs > 0) logger.debug(dropped, 'results were dropped: more than the app keeps')
    this.#warnings.judge(keptUses(kept, caps))
  }

  /** Where the backend keeps no notes, each process does it. */
  async #isOurs(): Promise<boolean> {
    const { stores, config } = this.#parts
    const { notes } = stores.backend
    if (!notes) return true
    const { name, clock } = config()
    const note = { key: `bounds ${name}`, value: this.#name, expires: clock.now() + 2 * INTERVAL_MS }
    if (await notes.putIfAbsent(note)) return true
    if ((await notes.get(note.key)) !== this.#name) return false
    await notes.put(note)
    return true
  }
}
