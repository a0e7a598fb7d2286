import type { AddedMember, Adding, ChordKeeping, OpenChord } from '../../../backend/chords.ts'
import { endOf, staleAfter } from '../../../backend/retention.ts'
import type { Connection } from '../file.ts'
import { CHORD_VERSION } from '../migrations.ts'

/** Place of the first part that has none in the header. */
export const PLACELESS: number = 2 ** 40

export interface ChordRow {
  readonly seq: number
  readonly size: number
  readonly done: number
  readonly since: number | null
}

/** The chords that are not complete. For use inside a transaction. */
export class OpenChords {
  readonly #connection: Connection
  readonly #keeping: ChordKeeping
  #prepared: Statements | undefined

  constructor(connection: Connection, keeping: ChordKeeping) {
    this.#connection = connection
    this.#keeping = keeping
  }

  /** Members of these chords wait until `due`, ms since the epoch. */
  open(chords: readonly OpenChord[], due: number): void {
    if (chords.length === 0) return
    const { retireExpired, open } = this.#statements
    const expires = this.#endAfter(due)
    this.#connection.require(CHORD_VERSION)
    for (const { group, size } of chords) {
      retireExpired.run(group, this.#now)
      open.run(group, size, expires)
    }
  }

  /** Counts it, unless it was counted before: then it was sent. It waits until `due`, ms since the epoch. */
  adding({ group, taskId }: AddedMember, due: number): Adding {
    const chord = this.find(group)
    if (!chord || chord.since !== null) return 'ended'
    const { grow, resize } = this.#statements
    if (grow.run(chord.seq, taskId, PLACELESS).changes === 0) return 'known'
    resize.run(this.#endAfter(due), chord.seq)
    return 'new'
  }

  find(group: string): ChordRow | undefined {
    return this.#statements.chord.get(group, this.#now) as ChordRow | undefined
  }

  #endAfter(due: number): number {
    return endOf(staleAfter(this.#keeping.expires), Math.max(this.#now, due))
  }

  get #now(): number {
    return this.#keeping.clock.now()
  }

  /** Most apps have no chords. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#connection)
    return this.#prepared
  }
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: Connection) {
  return {
    open: db.prepare(`INSERT INTO celeriac_chord (id, size, done, callback, since, expires)
      VALUES (?, ?, 0, '', NULL, ?) ON CONFLICT (id) DO UPDATE SET expires = max(expires, excluded.expires)`),
    chord: db.prepare('SELECT seq, size, done, since FROM celeriac_chord WHERE id = ? AND expires > ?'),
    grow: db.prepare(`INSERT INTO celeriac_part (chord, task_id, place, state, format, result)
      VALUES (?, ?, ?, '', '', '') ON CONFLICT (chord, task_id) DO NOTHING`),
    resize: db.prepare('UPDATE celeriac_chord SET size = size + 1, expires = max(expires, ?) WHERE seq = ?'),
    retireExpired: db.prepare(`UPDATE celeriac_chord SET id = NULL, since = NULL, expires = 0
      WHERE id = ? AND expires <= ?`),
  }
}
