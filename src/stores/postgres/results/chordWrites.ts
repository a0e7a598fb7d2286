import type {
  AddedMember,
  Adding,
  ChordPart,
  ChordWrites,
  CompleteChord,
  MemberEnd,
  OpenChord,
} from '../../../backend/chords.ts'
import { unaddedPart, unsentPart } from '../../../backend/unsentHeader.ts'
import type { Database } from '../connection/database.ts'
import { Gather } from '../connection/gather.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { addingOf, type ChordSteps, closedOf, completedOf } from './chordSteps.ts'
import type { Records } from './records.ts'

/** Ends of members in one transaction. */
const MAX_ENDS = 200
/** Chords, and members, that `endUnsent` fails at once. */
const MAX_UNSENT = 100

/** `$1` until when. */
const SENDING = new RowsStatement(
  'sending',
  { id: 'text' },
  `UPDATE celeriac.chord c SET deadline = $1::bigint FROM given g WHERE c.id = g.id AND c.since IS NULL`,
  1,
)
const OPEN: Statement = {
  name: 'chord',
  text: 'SELECT seq FROM celeriac.chord WHERE id = $1 AND expires > $2::bigint',
}
const UNSENT: Statement = {
  name: 'unsent',
  text: `SELECT id, callback FROM celeriac.chord
    WHERE deadline < $1::bigint AND callback <> '' AND since IS NULL AND id IS NOT NULL LIMIT ${MAX_UNSENT}`,
}
/** Of chords that lack no other member. */
const UNADDED: Statement = {
  name: 'unadded',
  text: `SELECT c.id, c.callback, json_agg(p.task_id)
    FROM celeriac.part p JOIN celeriac.chord c ON c.seq = p.chord
    WHERE p.deadline < $1::bigint AND c.callback <> '' AND c.since IS NULL AND c.id IS NOT NULL
    GROUP BY c.seq HAVING c.done + count(*) >= c.size LIMIT ${MAX_UNSENT}`,
}

/** Chords in a database whose messages are in another store. */
export class PostgresChordWrites implements ChordWrites {
  readonly #database: Database
  readonly #steps: ChordSteps
  readonly #records: Records
  readonly #notify: (completed: readonly CompleteChord[]) => void
  readonly #ending = new Gather((ends: readonly MemberEnd[]) => this.#end(ends), { most: MAX_ENDS })

  constructor(
    database: Database,
    steps: ChordSteps,
    records: Records,
    notify: (completed: readonly CompleteChord[]) => void,
  ) {
    this.#database = database
    this.#steps = steps
    this.#records = records
    this.#notify = notify
  }

  async open(chords: readonly OpenChord[], due = 0): Promise<void> {
    if (chords.length === 0) return
    const steps = this.#steps.open(chords.map((chord) => ({ chord, due })))
    await this.#database.run([this.#steps.lock(chords.map(({ group }) => group)), ...steps], { repeatable: true })
  }

  async sending(groups: readonly string[], until: number | undefined): Promise<void> {
    if (groups.length === 0) return
    const rows = SENDING.rows()
    for (const group of groups) rows.add(group)
    await this.#database.run(
      [this.#steps.lock(groups), SENDING.step(rows, until === undefined ? null : Math.ceil(until))],
      { repeatable: true },
    )
  }

  async adding(member: AddedMember, until: number | undefined, due = 0): Promise<Adding> {
    const step = this.#steps.adding(member, { due, sending: { until } })
    const [, answer = []] = await this.#database.run([this.#steps.lock([member.group]), step])
    return addingOf(answer)
  }

  end(end: MemberEnd): Promise<boolean> {
    return this.#ending.add(end)
  }

  async isOpen(group: string): Promise<boolean> {
    const step = { statement: OPEN, values: [group, this.#steps.now] }
    const [answer = []] = await this.#database.run([step], { repeatable: true })
    return answer.length > 0
  }

  async close(group: string): Promise<boolean> {
    const [, answer = []] = await this.#database.run([this.#steps.lock([group]), this.#steps.close(group)])
    return closedOf(answer)
  }

  /** Fail what a dead process has not sent: chords, and members that it added. Those whose body is not known expire. */
  async endUnsent(): Promise<void> {
    const found = partsOf(await this.#database.run(this.#unsentSteps(), { repeatable: true }))
    if (found.length === 0) return
    const completed = await this.#database.transaction(async (run) => {
      await run([this.#steps.lock(found.map(({ group }) => group))])
      // As they are now that no other transaction changes them.
      const groups = new Set(found.map(({ group }) => group))
      const parts = partsOf(await run(this.#unsentSteps())).filter(({ group }) => groups.has(group))
      if (parts.length === 0) return []
      const [answer = []] = await run([this.#steps.add(parts.map((part) => ({ part })))])
      return completedOf(answer)
    })
    this.#notify(completed)
  }

  #unsentSteps(): Step[] {
    const values = [this.#steps.now]
    return [
      { statement: UNSENT, values },
      { statement: UNADDED, values },
    ]
  }

  /** In one transaction; several ends of one task one after the other, as the second may not replace the first. */
  async #end(ends: readonly MemberEnd[]): Promise<boolean[]> {
    const saved: boolean[] = []
    let some: MemberEnd[] = []
    let ids = new Set<string>()
    for (const end of ends) {
      const id = end.meta?.task_id
      if (id !== undefined && ids.has(id)) {
        saved.push(...(await this.#endOnce(some)))
        some = []
        ids = new Set()
      }
      some.push(end)
      if (id !== undefined) ids.add(id)
    }
    return [...saved, ...(await this.#endOnce(some))]
  }

  async #endOnce(ends: readonly MemberEnd[]): Promise<boolean[]> {
    const writes = ends.flatMap(({ meta, also = [] }) =>
      [...also, ...(meta ? [meta] : [])].map((one) => ({ meta: one })),
    )
    const additions = ends.flatMap(({ meta, parts }) => parts.map((part) => ({ part, record: meta?.task_id })))
    const records = this.#records.plan(writes)
    const steps = [this.#steps.lock(additions.map(({ part }) => part.group)), ...records.steps]
    const ids = writes.map(({ meta }) => meta.task_id)
    const rest = [this.#steps.add(additions), ...(ids.length > 0 ? [this.#records.announcement(ids)] : [])]
    const answers = await this.#database.run([...steps, ...rest])
    this.#notify(completedOf(answers[steps.length] ?? []))
    const saved = records.saved(answers.slice(1)).values()
    return ends.map(({ meta, also = [] }) => {
      for (const _ of also) saved.next()
      return meta === undefined || saved.next().value === true
    })
  }
}

function partsOf([chords = [], members = []]: readonly (readonly Row[])[]): ChordPart[] {
  return [
    ...chords.map(([group, callback]) => ({
      ...unsentPart(group as string),
      callback: callback as string,
      ends: true as const,
    })),
    ...members.flatMap(([group, callback, ids]) =>
      (JSON.parse(ids as string) as string[]).map((taskId) => ({
        ...unaddedPart({ group: group as string, taskId }),
        callback: callback as string,
      })),
    ),
  ]
}
