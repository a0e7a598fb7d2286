import type { StatementSync } from 'node:sqlite'
import type {
  DeadLetter,
  DeadLetterAmount,
  DeadLetterBounds,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  KeptDeadLetter,
  NewDeadLetter,
} from '../../../backend/dead/deadLetters.ts'
import {
  DEFAULT_BOUNDS,
  editedFacts,
  factsText,
  headText,
  messageSize,
  pageOf,
  readFacts,
} from '../../../backend/dead/pages.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { readMessage } from '../../../protocol/packedMessage.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { pieces } from '../../../std/chunks.ts'
import type { Clock } from '../../../std/clock.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow, writeInWindows } from '../window.ts'
import type { SqliteNotes } from './notes.ts'
import type { SqliteRecords } from './records.ts'

interface Row {
  readonly seq: number
  readonly id: string
  readonly owner: string | null
  readonly tags: string | null
  readonly facts: string
}

interface MessageRow extends Row {
  readonly head: string
  readonly body: string | Uint8Array
}

/** Ids of one transaction, and of one statement that reads. */
const MAX_IDS = 100

/** The clause of each filter that the store decides. A list has only those that it needs: then it can use an index. */
const CLAUSES = {
  task: 'task = :task',
  tasks: 'task IN (SELECT value FROM json_each(:tasks))',
  queue: 'queue = :queue',
  reason: 'reason = :reason',
  owner: 'owner = :owner',
  tag: 'EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)',
  since: 'died >= :since',
} as const satisfies Partial<Record<keyof DeadLetterQuery, string>>
type Clause = keyof typeof CLAUSES

/** What it shares with the backend. */
export interface DeadLetterParts {
  readonly file: SqliteFile
  readonly notes: SqliteNotes
  readonly records: SqliteRecords
  readonly clock: Clock
  readonly bounds: DeadLetterBounds | undefined
}

/** Dead letters in a SQLite file. */
export class SqliteDeadLetters implements DeadLetterStore {
  readonly #parts: DeadLetterParts
  readonly #bounds: DeadLetterBounds
  readonly #add: StatementSync
  readonly #addMessage: StatementSync
  readonly #remove: StatementSync
  readonly #drop: StatementSync
  readonly #load: StatementSync
  readonly #count: StatementSync
  readonly #amount: StatementSync
  readonly #trim: StatementSync
  readonly #lists = new Map<string, StatementSync>()

  constructor(parts: DeadLetterParts) {
    const { db } = parts.file
    this.#parts = parts
    this.#bounds = parts.bounds ?? DEFAULT_BOUNDS
    this.#add = db.prepare(`INSERT INTO celeriac_dead_letter (id, task, queue, reason, died, owner, tags, size, facts)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#addMessage = db.prepare('INSERT INTO celeriac_dead_message (seq, head, body) VALUES (?, ?, ?)')
    this.#remove = db.prepare('DELETE FROM celeriac_dead_letter WHERE id = ? AND seq = ?')
    this.#drop = db.prepare('DELETE FROM celeriac_dead_letter WHERE id = ?')
    this.#load = db.prepare(`SELECT seq, id, owner, tags, facts, head, body
      FROM celeriac_dead_letter JOIN celeriac_dead_message USING (seq) WHERE id = ?`)
    this.#count = db.prepare('SELECT queue, count(*) AS count FROM celeriac_dead_letter GROUP BY queue')
    this.#amount = db.prepare('SELECT letters, bytes FROM celeriac_dead_amount')
    // The oldest, as far as they have expired, or are too many or too large; `upto` and `before`: with and without it.
    this.#trim = db.prepare(`DELETE FROM celeriac_dead_letter WHERE seq IN (
      SELECT seq FROM (
        SELECT seq, died, row_number() OVER oldest AS upto, sum(size) OVER oldest - size AS before
        FROM (SELECT seq, died, size FROM celeriac_dead_letter ORDER BY seq LIMIT :limit + 0)
        WINDOW oldest AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)
      ) WHERE died < :from OR upto <= :letters - :max OR (before < :bytes - :maxBytes AND upto < :letters)
    )`)
  }

  put(letters: readonly NewDeadLetter[]): Promise<void> {
    return this.#parts.file.writer.write(() => this.add(letters))
  }

  /** `put`, inside a transaction. */
  add(letters: readonly NewDeadLetter[]): void {
    for (const letter of letters) {
      const known = this.#parts.notes.metadata(letter.id)
      this.#insert(letter, factsText(letter), known?.owner, known?.tags)
    }
  }

  #insert(
    letter: Pick<NewDeadLetter, 'id' | 'task' | 'queue' | 'reason' | 'died' | 'envelope'>,
    facts: string,
    owner: string | undefined,
    tags: readonly string[] | undefined,
  ): void {
    const { id, task = null, queue, reason, died, envelope } = letter
    this.#drop.run(id)
    const kept = tags && tags.length > 0 ? JSON.stringify(tags) : null
    const [head, when] = [headText(envelope), Math.floor(died)]
    const size = messageSize(head, envelope.body)
    const { lastInsertRowid } = this.#add.run(id, task, queue, reason, when, owner ?? null, kept, size, facts)
    this.#addMessage.run(lastInsertRowid, head, envelope.body)
  }

  async list(query: DeadLetterQuery): Promise<DeadLetterPage> {
    const named = (Object.keys(CLAUSES) as Clause[]).filter((name) => query[name] !== undefined)
    const statement = this.#listOf(named, query.oldest === true)
    const wanted = Object.fromEntries(
      named.map((name) => {
        const value = query[name] as string | number | readonly string[]
        return [name, typeof value === 'object' ? JSON.stringify(value) : value]
      }),
    )
    const read = async (after: number, limit: number): Promise<DeadLetter[]> =>
      this.#parts.file.read(() => (statement.all({ ...wanted, after, limit }) as unknown as Row[]).map(letterOf))
    return pageOf(query, this.#bounds, this.#parts.clock.now(), read, true)
  }

  #listOf(named: readonly Clause[], oldest: boolean): StatementSync {
    const [than, order] = oldest ? ['>', 'ASC'] : ['<', 'DESC']
    const key = [order, ...named].join()
    const clauses = [`seq ${than} :after`, ...named.map((name) => CLAUSES[name])]
    const known =
      this.#lists.get(key) ??
      this.#parts.file.db.prepare(`SELECT seq, id, owner, tags, facts FROM celeriac_dead_letter
        WHERE ${clauses.join(' AND ')} ORDER BY seq ${order} LIMIT :limit`)
    this.#lists.set(key, known)
    return known
  }

  async load(ids: readonly string[]): Promise<(KeptDeadLetter | undefined)[]> {
    const from = this.#bounds.expires === 0 ? 0 : this.#parts.clock.now() - this.#bounds.expires
    return this.#parts.file.read(() =>
      ids.map((id) => {
        const row = this.#load.get(id) as MessageRow | undefined
        const letter = row && letterOf(row)
        return letter && letter.died >= from ? { ...letter, envelope: readMessage(row, null) } : undefined
      }),
    )
  }

  edit(id: string, version: number, envelope: Envelope): Promise<boolean> {
    return this.#parts.file.writer.write(() => {
      const row = this.#load.get(id) as MessageRow | undefined
      if (row?.seq !== version) return false
      const letter = { ...letterOf(row), envelope }
      this.#insert(letter, editedFacts(letter), letter.owner, letter.tags)
      return true
    })
  }

  async drop(ids: readonly string[]): Promise<number> {
    let count = 0
    for (const some of pieces(ids, MAX_IDS)) {
      count += await this.#parts.file.writer.write(() =>
        some.reduce((sum, id) => sum + Number(this.#drop.run(id).changes), 0),
      )
    }
    return count
  }

  async remove(id: string, version: number): Promise<void> {
    await this.#parts.file.writer.write(() => this.take(id, version))
  }

  /** `remove`, inside a transaction. False where it is not there in this version. */
  take(id: string, version: number): boolean {
    return Number(this.#remove.run(id, version).changes) === 1
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#parts.file.read(() => this.#count.all())
    return new Map((rows as unknown as { queue: string; count: number }[]).map(({ queue, count }) => [queue, count]))
  }

  async amount(): Promise<DeadLetterAmount> {
    return this.#parts.file.read(() => this.#amountNow())
  }

  #amountNow(): DeadLetterAmount {
    const { letters, bytes } = this.#amount.get() as unknown as DeadLetterAmount
    return { letters, bytes }
  }

  reopen(metas: readonly TaskMeta[]): Promise<void> {
    const { file, records } = this.#parts
    return file.writer.write(() => {
      for (const meta of metas) records.reopen(meta)
    })
  }

  /** Drop what has expired, and what is above the bounds, a window at a time. */
  trim(): Promise<void> {
    const { file, clock } = this.#parts
    const { expires, max, maxBytes } = this.#bounds
    const from = expires === 0 ? 0 : Math.floor(clock.now() - expires)
    const some = (limit: number): number =>
      Number(this.#trim.run({ limit, from, max, maxBytes, ...this.#amountNow() }).changes)
    return writeInWindows(file.writer, () => changeWindow(some), { unref: true })
  }
}

function letterOf({ seq, id, owner, tags, facts }: Row): DeadLetter {
  const own = { owner: owner ?? undefined, tags: tags === null ? undefined : (JSON.parse(tags) as string[]) }
  return readFacts(facts, { id, version: seq, ...own })
}
