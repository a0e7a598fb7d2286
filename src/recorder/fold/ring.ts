import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Event } from '../../protocol/event.ts'
import type { Names } from '../file/names.ts'

/** Events as they came, numbered. */
export class Ring {
  readonly #names: Names
  readonly #insert: StatementSync

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    this.#insert = db.prepare('INSERT INTO event (seq, type, host, at, came, fields) VALUES (?, ?, ?, ?, ?, ?)')
  }

  /** `text`: the event as JSON. `state`: of its job, after it. */
  add(event: Event, text: string, now: number, job?: { readonly seq: number; readonly state: string }): void {
    const fields = job ? `${text.slice(0, -1)},"state":${JSON.stringify(job.state)}}` : text
    const names = [this.#names.id(event.type, now), this.#names.id(event.hostname, now)]
    this.#insert.run(job?.seq ?? null, ...names, event.timestamp * 1000, now, fields)
  }
}
