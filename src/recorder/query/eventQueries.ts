import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { starGlob } from '../../std/glob.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { Names } from '../file/names.ts'
import type { FollowOptions, RecordedEvent } from '../recording.ts'

/** Events that one answer looks at. */
const MAX_SCANNED = 1000

/** Which events. */
export interface EventsQuery extends Pick<FollowOptions, 'types' | 'tasks' | 'owner'> {
  readonly after: number
}

/** Some of the events after a number. */
export interface EventsAnswer {
  readonly events: readonly RecordedEvent[]
  /** Number of the last event that was looked at. */
  readonly last: number
  /** The events before this number are not kept any more. */
  readonly oldest: number
  /** True: others may follow at once. */
  readonly more: boolean
}

interface EventRow {
  readonly number: number
  readonly type: number
  readonly host: number
  readonly at: number
  readonly fields: string
  readonly id: string | null
  readonly task: number | null
  readonly owner: number | null
}

/** Answers questions about events. Only reads. */
export class EventQueries {
  readonly #names: Names
  readonly #read: StatementSync
  readonly #oldest: StatementSync
  readonly #last: StatementSync

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    this.#read = db.prepare(
      `SELECT number, type, host, at, fields, job.id AS id, job.task AS task, job.owner AS owner
       FROM event LEFT JOIN job USING (seq) WHERE number > ? ORDER BY number LIMIT ?`,
    )
    this.#oldest = db.prepare('SELECT min(number) AS number FROM event')
    this.#last = db.prepare("SELECT seq AS number FROM sqlite_sequence WHERE name = 'event'")
  }

  /** Number of the newest event; 0 where there was none. */
  last(): number {
    return (this.#last.get() as { number: number } | undefined)?.number ?? 0
  }

  /** Number of the oldest event that is kept; behind the newest where none is. */
  oldest(): number {
    return (this.#oldest.get() as { number: number | null }).number ?? this.last() + 1
  }

  after({ after, types, tasks, owner }: EventsQuery): EventsAnswer {
    const last = this.last()
    const oldest = this.oldest()
    const rows = this.#read.all(after, MAX_SCANNED) as unknown as EventRow[]
    const globs = types?.map(starGlob)
    const events = rows
      .map((row) => this.#eventOf(row))
      .filter(
        (event) =>
          (globs === undefined || globs.some((glob) => glob.matches(event.type))) &&
          (tasks === undefined || (event.task !== undefined && tasks.includes(event.task))) &&
          (owner === undefined || event.owner === owner),
      )
    const more = rows.length === MAX_SCANNED
    const seen = rows.at(-1)?.number ?? last
    // What another process writes between the two questions is among the rows, and not counted by the first.
    return { events, last: more ? seen : Math.max(seen, last), oldest, more }
  }

  #eventOf({ number, type, host, at, fields: text, id, task, owner }: EventRow): RecordedEvent {
    const read: unknown = JSON.parse(text)
    const fields = isRecord(read) ? read : {}
    const uuid = id ?? (typeof fields.uuid === 'string' ? fields.uuid : undefined)
    const name = this.#names.text(task)
    const known = this.#names.own(owner)
    return {
      number,
      type: this.#names.text(type) ?? '',
      hostname: this.#names.text(host) ?? '',
      at,
      ...(uuid !== undefined && { id: uuid }),
      ...(name !== undefined && { task: name }),
      ...(known !== undefined && { owner: known }),
      fields,
    }
  }
}
