import type { CompleteChord } from '../../backend/chords.ts'
import type { Writing } from '../../backend/unitOfWork.ts'
import type { Messages, MessageWrite } from './broker/messages.ts'
import type { Plan } from './connection/plan.ts'
import type { PostgresBackend } from './results/backend.ts'
import type { GatedLetter, PostgresDeadLetters } from './results/deadLetters.ts'
import type { RecordWrite } from './results/records.ts'

/** One of the writings of a transaction. */
export interface PlannedWriting {
  readonly writing: Omit<Writing, 'closes'>
  /** It is written only if this gate is open. */
  readonly gate?: number
  readonly settling?: boolean
}

/** Puts writings into a transaction. */
export class Writings {
  readonly #backend: PostgresBackend
  readonly #messages: Messages
  /** Loaded before the first dead letter is written. */
  dead: PostgresDeadLetters | undefined

  constructor(backend: PostgresBackend, messages: Messages) {
    this.#backend = backend
    this.#messages = messages
  }

  /**
   * Returns what is called after the commit. `saved`: gets then whether the record of each was saved; true without one.
   */
  add(plan: Plan, all: readonly PlannedWriting[], saved?: boolean[]): () => void {
    const written = this.addQuietly(plan, all, saved)
    return () => this.#backend.chords.notify(written())
  }

  /** The same, but the chords that are complete are returned, and their listeners learn nothing. */
  addQuietly(plan: Plan, all: readonly PlannedWriting[], saved?: boolean[]): () => readonly CompleteChord[] {
    const records: RecordWrite[] = []
    const messages: MessageWrite[] = []
    const letters: GatedLetter[] = []
    const { chords, records: writer } = this.#backend
    for (const { writing, gate, settling } of all)
      if (writing.meta) records.push({ meta: writing.meta, settling, gate })
    const own = records.length
    for (const { writing, gate } of all) {
      const { publish = [], also = [], metadata } = writing
      for (const meta of also) records.push({ meta, gate, metadata: metadata?.get(meta.task_id) })
      for (const { envelope, route, notBefore, dead } of publish) {
        if (dead && this.dead) letters.push({ letter: dead, gate })
        else messages.push({ envelope, route, options: { notBefore }, gate })
      }
    }
    const complete = chords.rows.addWritings(plan, all)
    const written = writer.plan(records)
    const answers = plan.add(written.steps)
    if (records.length > 0) plan.add([writer.announcement(records.map(({ meta }) => meta.task_id))])
    if (messages.length > 0) plan.add(this.#messages.steps(messages))
    if (this.dead && letters.length > 0) plan.add(this.dead.steps(letters))
    return () => {
      if (saved) {
        const each = written.saved(answers()).slice(0, own)
        saved.push(...all.map(({ writing }) => (writing.meta ? each.shift() === true : true)))
      }
      return complete()
    }
  }
}
