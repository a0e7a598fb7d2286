import type { App } from '../../../src/app/app.ts'
import { storesOf } from '../../app/stores.ts'
import { type Actor, linesOf } from '../scene.ts'
import type { Read } from './history.ts'

/** The queue of one worker with one slot. Its caller does not wait for results. */
export const ORDERED = 'ordered'

interface OutcomesParts {
  readonly app: App
  /** All clients so far. */
  readonly callers: () => readonly Actor[]
  readonly ledger: string
  /** Only the process that has called a task reads its result. */
  readonly callerOnly: boolean
}

/** What became of the calls, as far as it can be read. */
export class Outcomes {
  readonly #app: App
  readonly #callers: () => readonly Actor[]
  readonly #ledger: string
  readonly #callerOnly: boolean
  readonly #done = new Set<string>()

  constructor({ app, callers, ledger, callerOnly }: OutcomesParts) {
    this.#app = app
    this.#callers = callers
    this.#ledger = ledger
    this.#callerOnly = callerOnly
  }

  /** Acknowledged, and without a final outcome now. */
  async open(): Promise<string[]> {
    const acknowledged = this.lines().filter(([mark]) => mark === 'd')
    const ids = acknowledged.map(([, id]) => id as string).filter((id) => !this.#done.has(id))
    for (const id of await this.#ended(ids)) this.#done.add(id)
    return ids.filter((id) => !this.#done.has(id))
  }

  async #ended(ids: readonly string[]): Promise<string[]> {
    if (!this.#callerOnly) return (await this.load(ids)).map(({ id }) => id)
    const unread = this.unread()
    const read = new Set(this.lines().flatMap(([mark, id = '']) => (mark === 'o' ? [id] : [])))
    const ran = new Set(linesOf(this.#ledger).flatMap(([id = '', , , mark]) => (mark === 'end' ? [id] : [])))
    return ids.filter((id) => (unread.has(id) ? ran : read).has(id))
  }

  /** Calls whose results no process can read: only their caller could, who does not wait for them, or is dead. */
  unread(): Set<string> {
    if (!this.#callerOnly) return new Set()
    const calls = this.#callers().flatMap(({ endedAt, settings }) => {
      const own = linesOf(settings.journal).filter(([mark]) => mark === 'a')
      return endedAt > 0 ? own : own.filter(([, , , queue]) => queue === ORDERED)
    })
    return new Set(calls.map(([, id]) => id as string))
  }

  async load(ids: readonly string[]): Promise<Read[]> {
    if (this.#callerOnly) return []
    const { backend } = await storesOf(this.#app)
    const at = Date.now()
    const reads: Read[] = []
    for (let from = 0; from < ids.length; from += 500) {
      for (const meta of await backend.load(ids.slice(from, from + 500))) {
        const isFinal = meta !== undefined && ['SUCCESS', 'FAILURE', 'REVOKED'].includes(meta.status)
        if (isFinal) reads.push({ id: meta.task_id, at, outcome: `${meta.status} ${JSON.stringify(meta.result)}` })
      }
    }
    return reads
  }

  lines(): string[][] {
    return this.#callers().flatMap(({ settings }) => linesOf(settings.journal))
  }
}
