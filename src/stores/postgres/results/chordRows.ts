import type { AddedMember, Adding, CompleteChord, OpenChord } from '../../../backend/chords.ts'
import { lastDue, type Writing } from '../../../backend/unitOfWork.ts'
import type { Database } from '../connection/database.ts'
import type { Statement } from '../connection/pipeline.ts'
import type { Plan } from '../connection/plan.ts'
import { addingOf, type ChordSteps, completedOf } from './chordSteps.ts'

/** The gate of a transaction that has one condition. */
const CONDITION = 1

const IS_OPEN: Statement = {
  name: 'is_open',
  text: 'SELECT seq FROM celeriac.chord WHERE id = $1 AND expires > $2::bigint AND since IS NULL',
}

/** What is written, and the gate on which that depends. */
export interface GatedWriting {
  readonly writing: Pick<Writing, 'publish' | 'parts' | 'opens'>
  readonly gate?: number | undefined
}

/** Puts chords into the transactions of a unit of work. */
export class ChordRows {
  readonly #database: Database
  readonly #steps: ChordSteps

  constructor(database: Database, steps: ChordSteps) {
    this.#database = database
    this.#steps = steps
  }

  /**
   * Counts a member whose messages wait until `due`, ms since the epoch; a gate is open if it is new. Returns what
   * reads what became of it.
   */
  addAdding(plan: Plan, member: AddedMember, due: number): () => Adding {
    const steps = [this.#steps.lock([member.group]), this.#steps.adding(member, { due, opens: CONDITION })]
    const answers = plan.add(steps)
    return () => addingOf(answers()[1] ?? [])
  }

  /** After a transaction that was undone, as a member was not new: why. */
  async refusedAdding({ group }: AddedMember): Promise<Adding> {
    const step = { statement: IS_OPEN, values: [group, this.#steps.now] }
    const [rows = []] = await this.#database.run([step], { repeatable: true })
    return rows.length > 0 ? 'known' : 'ended'
  }

  /** Their members wait until `due`. */
  addOpens(plan: Plan, chords: readonly OpenChord[], due: number): void {
    if (chords.length === 0) return
    plan.add([
      this.#steps.lock(chords.map(({ group }) => group)),
      ...this.#steps.open(chords.map((chord) => ({ chord, due }))),
    ])
  }

  /** A gate is open if the chord was. */
  addClose(plan: Plan, group: string): void {
    plan.add([this.#steps.lock([group]), this.#steps.close(group, CONDITION)])
  }

  /** Returns what reads the chords that are complete with these, for `notify` after the commit. Throws EncodeError. */
  addWritings(plan: Plan, all: readonly GatedWriting[]): () => readonly CompleteChord[] {
    const opens = all.flatMap(({ writing: { opens: own = [], publish = [] }, gate }) =>
      own.map((chord) => ({ chord, gate, due: lastDue(publish) })),
    )
    const parts = all.flatMap(({ writing, gate }) => (writing.parts ?? []).map((part) => ({ part, gate })))
    if (opens.length + parts.length === 0) return () => []
    plan.add([
      this.#steps.lock([...opens.map(({ chord }) => chord.group), ...parts.map(({ part }) => part.group)]),
      ...(opens.length > 0 ? this.#steps.open(opens) : []),
    ])
    if (parts.length === 0) return () => []
    const answers = plan.add([this.#steps.add(parts)])
    return () => completedOf(answers()[0] ?? [])
  }
}
