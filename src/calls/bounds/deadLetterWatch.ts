import type { ResultBackend } from '../../backend/backend.ts'
import type { Config } from '../../config/config.ts'
import { deadLetterUses } from './boundUses.ts'
import { BoundWarnings } from './boundWarnings.ts'

type Backend = Pick<ResultBackend, 'deadLetters'>

/** How long after a message was given up it is looked at how much is kept, ms. */
const DELAY_MS = 15_000

/** Warns while dead letters are nearly too many, or too large. Nothing is read where no message is given up. */
export class DeadLetterWatch {
  readonly #backend: Backend
  readonly #config: Config
  readonly #warnings: BoundWarnings
  #isDue = false

  constructor(backend: Backend, config: Config) {
    this.#backend = backend
    this.#config = config
    this.#warnings = new BoundWarnings(() => config)
  }

  /** A message was given up: it is looked at soon, once for all until then. */
  died(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#config.clock.after(DELAY_MS, () => void this.#look(), true)
  }

  async #look(): Promise<void> {
    this.#isDue = false
    try {
      this.#warnings.judge(await deadLetterUses(this.#backend, this.#config))
    } catch {
      // The store is unavailable, or closed, which whatever needs it reports; it is looked at after the next death.
    }
  }
}

const watches = new WeakMap<Backend, DeadLetterWatch>()

/** The watch of a backend, one for all workers of this process that share it. */
export function deadLetterWatch(backend: Backend, config: Config): DeadLetterWatch {
  const watch = watches.get(backend) ?? new DeadLetterWatch(backend, config)
  watches.set(backend, watch)
  return watch
}
