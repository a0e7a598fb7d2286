import type { StatementSync } from 'node:sqlite'
import type {
  AddedMember,
  Adding,
  ChordKeeping,
  ChordPart,
  ChordWrites,
  CompleteChord,
  MemberEnd,
  OpenChord,
} from '../../../backend/chords.ts'
import { unaddedPart, unsentPart } from '../../../backend/unsentHeader.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import type { SqliteFile } from '../file.ts'

/** The rows of chords; each inside a transaction, but `notify` after its commit. */
interface ChordRows {
  open(chords: readonly OpenChord[], due: number): void
  adding(member: AddedMember, due: number): Adding
  isOpen(group: string): boolean
  add(parts: readonly ChordPart[], replaces?: boolean): readonly CompleteChord[]
  close(group: string): boolean
  notify(completed: readonly CompleteChord[]): void
}

interface UnaddedRow extends CompleteChord {
  /** A list, as JSON. */
  readonly taskIds: string
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
    await this.#file.writer.write(() => {
      this.#rows.open(chords, due)
      for (const chord of chords) this.#keepCall(chord)
    })
  }

  async sending(groups: readonly string[], until: number | undefined): Promise<void> {
    await this.#file.writer.write(() => {
      for (const group of groups) this.#statements.sending.run(until ?? null, group)
    })
  }

  adding(member: AddedMember, until: number | undefined, due = 0): Promise<Adding> {
    const { group, taskId } = member
    return this.#file.writer.write(() => {
      const adding = this.#rows.adding(member, due)
      if (adding === 'ended') return adding
      this.#keepCall(member)
      const isNew = adding === 'new' ? 1 : 0
      return this.#statements.adding.run(until ?? null, taskId, isNew, group).changes === 1 ? 'new' : 'known'
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

  /** Fail what a dead process has not sent: chords, and members that it added. Those whose body is not known expire. */
  async endUnsent(): Promise<void> {
    if ((await this.#file.read(() => this.#unsentParts())).length === 0) return
    await this.#completing((complete) => {
      for (const part of this.#unsentParts()) {
        if (part.ends) this.#statements.sending.run(null, part.group)
        complete.push(...this.#rows.add([part]))
      }
    })
  }

  #unsentParts(): readonly ChordPart[] {
    const now = this.#keeping.clock.now()
    const chords = this.#statements.unsent.all(now) as unknown as readonly CompleteChord[]
    const members = this.#statements.unadded.all(now) as unknown as readonly UnaddedRow[]
    return [
      ...chords.map(({ group, callback }) => ({ ...unsentPart(group), callback, ends: true as const })),
      ...members.flatMap(({ group, callback, taskIds }) =>
        (JSON.parse(taskIds) as string[]).map((taskId) => ({ ...unaddedPart({ group, taskId }), callback })),
      ),
    ]
  }

  /** The call of the body, for a chord that has no part with it yet. */
  #keepCall({ group, callback }: OpenChord | AddedMember): void {
    if (callback !== undefined) this.#statements.call.run(callback, group)
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
    call: db.prepare('UPDATE celeriac_chord SET callback = ? WHERE id = ? AND since IS NULL'),
    unsent: db.prepare(`SELECT id AS "group", callback FROM celeriac_chord
      WHERE deadline < ? AND callback <> '' AND since IS NULL LIMIT 100`),
    // One that was counted before is to be sent only if it has a deadline still.
    adding: db.prepare(`UPDATE celeriac_part SET deadline = ? WHERE task_id = ? AND (? OR deadline IS NOT NULL)
      AND chord = (SELECT seq FROM celeriac_chord WHERE id = ?)`),
    // Of chords that lack no other member.
    unadded: db.prepare(`SELECT id AS "group", callback, json_group_array(task_id) AS taskIds
      FROM celeriac_part JOIN celeriac_chord ON seq = chord
      WHERE celeriac_part.deadline < ? AND callback <> '' AND since IS NULL
      GROUP BY seq HAVING done + count(*) >= size LIMIT 100`),
  } satisfies Record<string, StatementSync>
}
