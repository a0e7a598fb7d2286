import type { StatementSync } from 'node:sqlite'
import { sqliteCode } from '../../../broker/storeErrors.ts'
import type { SqliteFile } from '../file.ts'

/** After a look the next one is at least so much later, ms: a busy file changes all the time. */
const LOOK_INTERVAL_MS = 200

/** Notices that limits were paused or resumed, in any process: by a look after changes of the file, now and then. */
export class PauseWatch {
  readonly #listener: () => void
  readonly #paused: StatementSync
  readonly #stop: () => void
  #known = ''
  #next = 0
  #timer: NodeJS.Timeout | undefined

  constructor(file: SqliteFile, listener: () => void) {
    this.#listener = listener
    this.#paused = file.db.prepare(
      "SELECT coalesce(group_concat(id, ' '), '') AS ids FROM celeriac_limiter WHERE paused = 1",
    )
    this.#known = this.#read()
    this.#stop = file.onChange('messages', () => this.#changed())
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#stop()
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => this.#look(), Math.max(0, this.#next - performance.now())).unref()
  }

  #look(): void {
    this.#timer = undefined
    this.#next = performance.now() + LOOK_INTERVAL_MS
    const known = this.#read()
    if (known === this.#known) return
    this.#known = known
    this.#listener()
  }

  /** What cannot be read now is found by the next look, or by the caller, who reads now and then. */
  #read(): string {
    try {
      return (this.#paused.get() as { ids: string }).ids
    } catch (error) {
      if (sqliteCode(error) === undefined) throw error
      return this.#known
    }
  }
}
