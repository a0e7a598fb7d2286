import type { StatementSync } from 'node:sqlite'
import type {
  ChordKeeping,
  ChordPart,
  ChordWrites,
  CompleteChord,
  MemberEnd,
  OpenChord,
} from '../../../backend/chords.ts'
import { endOf, staleAfter } from '../../../backend/retention.ts'
import { unsentPart } from '../../../backend/unsentHeader.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import type { SqliteFile } from '../file.ts'

/** The rows of chords; each inside a transaction, but `notify` after its commit. */
interface ChordRows {
  open(chords: readonly OpenChord[]): void
  isOpen(group: string): boolean
  add(parts: readonly ChordPart[], replaces?: boolean): readonly CompleteChord[]
  close(group: string): boolean
  notify(completed: readonly CompleteChord[]): void
}

/** Chords in a SQLite file whose messages are in another store. */
export class SqliteChordWrites implements ChordWrites {
  readonly #file: SqliteFile
  readonly #rows: ChordRows
  readonly #save: (meta: TaskMeta) => boolean
  readonly #keeping: ChordKeeping
  #prepared: Statements | undefined

  /** `save` writes a record, inside a transaction. */
  constructor(file: SqliteFile, rows: ChordRows, save: (meta: TaskMeta) => boolean, keeping: ChordKeeping) {
    this.#file = file
    this.#rows = rows
    this.#save = save
    this.#keeping = keeping
  }

  async open(chords: readonly OpenChord[], due = 0): Promise<void> {
    const expires = endOf(staleAfter(this.#keeping.expires), due)
    await this.#file.writer.write(() => {
      this.#rows.open(chords)
      for (const { group, callback } of chords) this.#statements.prolong.run(expires, callback ?? null, group)
    })
  }

  async sending(groups: readonly string[], until: number | undefined): Promise<void> {
    await this.#file.writer.write(() => {
      for (const group of groups) this.#statements.sending.run(until ?? null, group)
    })
  }

  end({ meta, also = [], parts }: MemberEnd): Promise<boolean> {
    return this.#completing((complete) => {
      for (const other of also) this.#save(other)
      const saved = meta === undefined || this.#save(meta)
      complete.push(...this.#rows.add(parts, saved))
      for (const { group, callback } of parts) this.#statements.called.run(callback, group)
      return saved
    })
  }

  isOpen(group: string): Promise<boolean> {
    return this.#file.read(() => this.#rows.isOpen(group))
  }

  close(group: string): Promise<boolean> {
    return this.#file.writer.write(() => this.#rows.close(group))
  }

  /** Fail the chords whose sender has died. Those whose body is not known expire. */
  async endUnsent(): Promise<void> {
    const { unsent, sending } = this.#statements
    const found = (): readonly CompleteChord[] =>
      unsent.all(this.#keeping.clock.now()) as unknown as readonly CompleteChord[]
    if ((await this.#file.read(found)).length === 0) return
    await this.#completing((complete) => {
      for (const { group, callback } of found()) {
        sending.run(null, group)
        complete.push(...this.#rows.add([{ ...unsentPart(group), callback, ends: true }]))
      }
    })
  }

  async #completing<Answer>(transaction: (complete: CompleteChord[]) => Answer): Promise<Answer> {
    const complete: CompleteChord[] = []
    const answer = await this.#file.writer.write(() => transaction(complete))
    if (complete.length > 0) this.#rows.notify(complete)
    return answer
  }

  /** Most apps have no chords. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file)
    return this.#prepared
  }
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: SqliteFile) {
  return {
    sending: db.prepare('UPDATE celeriac_chord SET deadline = ? WHERE id = ? AND since IS NULL'),
    // Whose body is to be failed if the rest of the members is never sent.
    called: db.prepare('UPDATE celeriac_chord SET callback = ? WHERE id = ? AND deadline IS NOT NULL'),
    prolong: db.prepare(`UPDATE celeriac_chord SET expires = max(expires, ?), callback = coalesce(?, callback)
      WHERE id = ? AND since IS NULL`),
    unsent: db.prepare(`SELECT id AS "group", callback FROM celeriac_chord
      WHERE deadline < ? AND callback <> '' AND since IS NULL LIMIT 100`),
  } satisfies Record<string, StatementSync>
}
