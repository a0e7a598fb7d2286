import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Names, ownName } from '../file/names.ts'
import { SEQ_PER_MS } from '../file/schema.ts'
import { JobEntry, MAX_CHUNKS, type StepRow } from './jobEntry.ts'

/** Jobs that are kept in memory, those with the last events, and the characters of their texts. */
const MAX_HOT = 2000
const MAX_HOT_LENGTH = 8 * 2 ** 20

/** A row of the table `job`. */
export interface JobRow {
  readonly seq: number
  readonly id: string
  readonly task: number | null
  readonly state: number
  readonly queue: number | null
  readonly worker: number | null
  readonly owner: number | null
  readonly fingerprint: string | null
  readonly root: string | null
  readonly parent: string | null
  readonly client: string | null
  readonly retries: number | null
  readonly first_at: number
  readonly changed_at: number
  readonly sent_at: number | null
  readonly received_at: number | null
  readonly started_at: number | null
  readonly first_start: number | null
  readonly ended_at: number | null
  readonly runtime: number | null
  readonly described: number
  readonly eta: string | null
  readonly expires: string | null
  readonly tags: string | null
  readonly args: string | null
  readonly kwargs: string | null
  readonly exception: string | null
  readonly result: string | null
  readonly traceback: string | null
  readonly fold: string
  readonly steps: string
  readonly chunks: number
  readonly pieces: number
}

const COLUMNS = [
  ...['id', 'task', 'state', 'queue', 'worker', 'owner', 'fingerprint', 'root', 'parent', 'client', 'retries'],
  ...['first_at', 'changed_at', 'sent_at', 'received_at', 'started_at', 'first_start', 'ended_at', 'runtime'],
  ...['described', 'eta', 'expires', 'tags', 'args', 'kwargs', 'exception', 'result', 'traceback', 'fold', 'steps'],
  'chunks',
] as const

/** What of a job is searched, each text once. */
export function searchedText(
  id: string,
  task: string | undefined,
  { tags, args, kwargs, exception }: Pick<JobRow, 'tags' | 'args' | 'kwargs' | 'exception'>,
): readonly string[] {
  const names = tags === null ? [] : (JSON.parse(tags) as string[])
  return [...new Set([id, task ?? '', ...names, args ?? '', kwargs ?? '', exception ?? ''])].filter(Boolean)
}

/** Jobs of the file, as the events of a transaction need and change them. */
export class Jobs {
  readonly #names: Names
  /** The last used last. */
  readonly #hot = new Map<string, JobEntry>()
  readonly #changed = new Set<JobEntry>()
  #length = 0
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #chunk: StatementSync
  readonly #addChunk: StatementSync
  readonly #dropChunk: StatementSync
  readonly #tag: StatementSync
  readonly #last: StatementSync
  readonly #setLast: StatementSync
  #seq: number | undefined

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    this.#find = db.prepare('SELECT * FROM job WHERE id = ?')
    const marks = COLUMNS.map(() => '?').join(', ')
    this.#insert = db.prepare(`INSERT INTO job (${COLUMNS.join(', ')}, seq) VALUES (${marks}, ?)`)
    this.#update = db.prepare(`UPDATE job SET ${COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE seq = ?`)
    this.#chunk = db.prepare('SELECT steps FROM step WHERE seq = ? AND chunk = ?')
    this.#addChunk = db.prepare('INSERT OR REPLACE INTO step VALUES (?, ?, ?)')
    this.#dropChunk = db.prepare('DELETE FROM step WHERE seq = ? AND chunk <= ?')
    this.#tag = db.prepare('INSERT OR IGNORE INTO tag VALUES (?, ?)')
    this.#last = db.prepare('SELECT seq FROM recorder')
    this.#setLast = db.prepare('UPDATE recorder SET seq = ?, jobs = jobs + ?')
  }

  /** The jobs that this transaction has changed so far. */
  get changed(): Iterable<JobEntry> {
    return this.#changed
  }

  /** A job that is in the file, or was added by this transaction. */
  find(id: string): JobEntry | undefined {
    const hot = this.#hot.get(id)
    if (hot) {
      this.#hot.delete(id)
      this.#hot.set(id, hot)
      return hot
    }
    const row = this.#find.get(id) as JobRow | undefined
    if (!row) return undefined
    const entry = this.#entryOf(row)
    this.#hot.set(id, entry)
    this.#length += lengthOf(entry)
    return entry
  }

  /** A new one. `now`: when it is seen first. */
  add(id: string, now: number): JobEntry {
    this.#seq ??= (this.#last.get() as { seq: number }).seq
    this.#seq = Math.max(this.#seq + 1, now * SEQ_PER_MS)
    const entry = new JobEntry(this.#seq, id)
    entry.isNew = true
    this.#hot.set(id, entry)
    return entry
  }

  change(entry: JobEntry): void {
    this.#changed.add(entry)
  }

  steps(seq: number, chunk: number): readonly StepRow[] {
    const row = this.#chunk.get(seq, chunk) as { steps: string } | undefined
    return row ? (JSON.parse(row.steps) as StepRow[]) : []
  }

  /** Write what has changed. */
  save(now: number): void {
    let added = 0
    for (const entry of this.#changed) {
      if (entry.isNew) added++
      this.#save(entry, now)
    }
    this.#changed.clear()
    if (this.#seq !== undefined) this.#setLast.run(this.#seq, added)
    this.#cool()
  }

  /** The jobs before this one are not in the file any more. */
  expire(before: number): void {
    for (const [id, { seq }] of this.#hot) if (seq < before) this.#hot.delete(id)
  }

  /** After a rollback, or a change by another process: the file is right. */
  clear(): void {
    this.#hot.clear()
    this.#changed.clear()
    this.#length = 0
    this.#seq = undefined
  }

  #save(entry: JobEntry, now: number): void {
    for (const [at, steps] of entry.full.entries())
      this.#addChunk.run(entry.seq, entry.chunks - entry.full.length + at, JSON.stringify(steps))
    if (entry.full.length > 0 && entry.chunks > MAX_CHUNKS)
      this.#dropChunk.run(entry.seq, entry.chunks - MAX_CHUNKS - 1)
    const values = this.#valuesOf(entry, now)
    if (entry.isNew) this.#insert.run(...values, entry.seq)
    else this.#update.run(...values, entry.seq)
    if (entry.isNew) this.#length += lengthOf(entry)
    if (entry.tags.length > 0) for (const tag of entry.tags) this.#tag.run(this.#names.id(ownName(tag), now), entry.seq)
    entry.full = []
    entry.isNew = false
    entry.isChanged = false
  }

  #valuesOf(entry: JobEntry, now: number): (string | number | null)[] {
    const { task } = entry
    const name = (text: string | undefined): number | null => (text === undefined ? null : this.#names.id(text, now))
    const { sent, received, started } = task.times
    const fold = JSON.stringify([task.timestamp ?? null, task.clock, task.runtime ?? null, task.times])
    return [
      ...[
        task.uuid,
        name(task.name),
        name(task.state),
        name(task.queue),
        name(task.worker),
        name(entry.owner && ownName(entry.owner)),
      ],
      ...[entry.fingerprint ?? null, task.rootId ?? null, task.parentId ?? null, task.client ?? null],
      ...[task.retries ?? null, entry.firstAt, entry.changedAt, ms(sent), ms(received), ms(started)],
      ...[entry.firstStart ?? null, entry.endedAt ?? null, entry.runtime ?? null, entry.isDescribed ? 1 : 0],
      ...[task.eta ?? null, task.expires ?? null, entry.tags.length === 0 ? null : JSON.stringify(entry.tags)],
      ...[task.args ?? null, task.kwargs ?? null, task.exception ?? null, task.result ?? null, task.traceback ?? null],
      ...[fold, JSON.stringify(entry.steps), entry.chunks],
    ]
  }

  #entryOf(row: JobRow): JobEntry {
    const entry = new JobEntry(row.seq, row.id)
    const { task } = entry
    const text = (id: number | null): string | undefined => this.#names.text(id)
    task.state = text(row.state) ?? task.state
    task.name = text(row.task)
    task.queue = text(row.queue)
    task.worker = text(row.worker)
    task.rootId = row.root ?? undefined
    task.parentId = row.parent ?? undefined
    task.client = row.client ?? undefined
    task.retries = row.retries ?? undefined
    task.eta = row.eta ?? undefined
    task.expires = row.expires ?? undefined
    task.args = row.args ?? undefined
    task.kwargs = row.kwargs ?? undefined
    task.exception = row.exception ?? undefined
    task.result = row.result ?? undefined
    task.traceback = row.traceback ?? undefined
    const [timestamp, clock, runtime, times] = JSON.parse(row.fold)
    task.timestamp = timestamp ?? undefined
    task.clock = clock
    task.runtime = runtime ?? undefined
    Object.assign(task.times, times)
    entry.firstAt = row.first_at
    entry.changedAt = row.changed_at
    entry.firstStart = row.first_start ?? undefined
    entry.runtime = row.runtime ?? undefined
    entry.fingerprint = row.fingerprint ?? undefined
    entry.owner = this.#names.own(row.owner)
    entry.tags = row.tags === null ? [] : JSON.parse(row.tags)
    entry.isDescribed = row.described === 1
    entry.steps = JSON.parse(row.steps)
    entry.chunks = row.chunks
    return entry
  }

  /** Keep the last used alone. */
  #cool(): void {
    for (const [id, entry] of this.#hot) {
      if (this.#hot.size <= MAX_HOT && this.#length <= MAX_HOT_LENGTH) return
      this.#hot.delete(id)
      this.#length = Math.max(0, this.#length - lengthOf(entry))
    }
  }
}

function ms(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000
}

/** About how much memory its texts take. */
function lengthOf({ task, steps }: JobEntry): number {
  const { args = '', kwargs = '', exception = '', result = '', traceback = '' } = task
  return args.length + kwargs.length + exception.length + result.length + traceback.length + steps.length * 100
}
