import type { Submission } from '../../backend/unitOfWork.ts'
import type { Messages, MessageWrite } from './broker/messages.ts'
import type { Step } from './connection/pipeline.ts'
import type { Plan } from './connection/plan.ts'
import { RowsStatement } from './connection/rows.ts'
import { alsoOpening, GATED, OPEN_GATES, WRITTEN_HERE } from './gate.ts'
import { keptGates, type NoteAddition, type Notes } from './results/notes.ts'
import type { Records, RecordWrite } from './results/records.ts'

/**
 * Opens the gates of those whose key has the expected note, or none (`$1` is the moment) and, where they are to be sent
 * once, whose id has no record. Answers with these gates.
 */
const CHECK = new RowsStatement(
  'submission_check',
  { gate: 'int', key: 'text', expected: 'text', id: 'text' },
  `, open AS MATERIALIZED (
    SELECT array_agg(gate) AS gates FROM given
    WHERE (key IS NULL OR (SELECT n.value FROM celeriac.note n WHERE n.key = given.key AND n.expires > $1::bigint)
      IS NOT DISTINCT FROM expected)
      AND (id IS NULL OR (SELECT 1 FROM celeriac.result r WHERE r.id = given.id) IS NULL)
  )
  SELECT array_to_json(gates)::text, ${alsoOpening('gates')} FROM open`,
  1,
)

/** Undoes all where another transaction has added the record of one of these ids meanwhile. */
const REQUIRE_NEW = new RowsStatement(
  'submission_new',
  { gate: 'int', id: 'text' },
  ` SELECT celeriac.require(count(*) = 0)::text FROM given WHERE ${GATED} AND (
    SELECT 1 FROM celeriac.result r WHERE r.id = given.id AND ${WRITTEN_HERE}
  ) IS NULL`,
)

/** Undoes all where one of these gates is open, and the gate of its note is not: another one has its key. */
const REQUIRE_NOTES = new RowsStatement(
  'submission_notes',
  { gate: 'int', note: 'int' },
  ` SELECT celeriac.require(count(*) = 0)::text FROM given
  WHERE ${GATED} AND note <> ALL (${OPEN_GATES})`,
)

interface Layer {
  readonly names: Set<string>
  readonly items: { readonly submission: Submission; readonly number: number }[]
}

/** What writes submissions. */
export interface SubmissionParts {
  readonly records: Records
  readonly notes: Notes
  readonly messages: Messages
  /** ms since the epoch */
  now(): number
}

/**
 * Puts submissions into a transaction. Those with a condition have gates: number 2n of its check, 2n + 1 of its note.
 * Two that exclude each other are in two layers, one after the other.
 */
export class Submissions {
  readonly #parts: SubmissionParts

  constructor(parts: SubmissionParts) {
    this.#parts = parts
  }

  /** Returns what reads which of them were sent. Throws EncodeError. */
  add(plan: Plan, submissions: readonly Submission[]): () => boolean[] {
    if (submissions.every((one) => !one.note && !one.once)) {
      this.#write(plan, submissions)
      return () => submissions.map(() => true)
    }
    const reads = layersOf(submissions).map((layer) => this.#addLayer(plan, layer))
    return () => {
      const sent = submissions.map(() => true)
      for (const read of reads) for (const number of read()) sent[number] = false
      return sent
    }
  }

  /** Returns what reads the numbers of those that were not sent. */
  #addLayer(plan: Plan, { items }: Layer): () => number[] {
    const conditional = items.filter(({ submission }) => submission.note || submission.once)
    if (conditional.length === 0) {
      this.#write(
        plan,
        items.map(({ submission }) => submission),
      )
      return () => []
    }
    const now = Math.floor(this.#parts.now())
    const checks = CHECK.rows()
    const isNew = REQUIRE_NEW.rows()
    const haveNotes = REQUIRE_NOTES.rows()
    const notes: NoteAddition[] = []
    for (const { submission, number } of conditional) {
      const { note, once, meta } = submission
      const gate = 2 * number
      checks.add(gate, note?.key, note?.expected, once ? meta?.task_id : null)
      if (once) isNew.add(gate, meta?.task_id)
      if (!note) continue
      notes.push({ note, opens: gate + 1, gate })
      haveNotes.add(gate, gate + 1)
    }
    const opened = plan.add([CHECK.step(checks, now)])
    const steps: Step[] =
      notes.length > 0 ? [...this.#parts.notes.additionSteps(notes), REQUIRE_NOTES.step(haveNotes)] : []
    plan.add(steps)
    this.#write(
      plan,
      items.map(({ submission }) => submission),
      items.map(({ submission: { note, once }, number }) => (note || once ? 2 * number : undefined)),
      isNew.length > 0 ? REQUIRE_NEW.step(isNew) : undefined,
    )
    return () => {
      const gates = keptGates(opened()[0] ?? [])
      return conditional.flatMap(({ number }) => (gates.has(2 * number) ? [] : number))
    }
  }

  #write(plan: Plan, submissions: readonly Submission[], gates?: readonly (number | undefined)[], check?: Step): void {
    const records: RecordWrite[] = []
    const messages: MessageWrite[] = []
    for (const [at, { meta, metadata, message }] of submissions.entries()) {
      const gate = gates?.[at]
      if (meta) records.push({ meta, metadata, gate })
      if (!message) continue
      const { envelope, route, notBefore } = message
      messages.push({ envelope, route, options: { notBefore }, gate })
    }
    if (records.length > 0) plan.add(this.#parts.records.steps(records))
    if (check) plan.add([check])
    if (messages.length > 0) plan.add(this.#parts.messages.steps(messages))
  }
}

/** In their order: one that names a key or an id which another one before it names is in a later layer. */
function layersOf(submissions: readonly Submission[]): Layer[] {
  const layers: Layer[] = []
  for (const [number, submission] of submissions.entries()) {
    const names = namesOf(submission)
    const at = layers.findLastIndex((layer) => names.some((name) => layer.names.has(name))) + 1
    layers[at] ??= { names: new Set(), items: [] }
    const layer = layers[at] as Layer
    for (const name of names) layer.names.add(name)
    layer.items.push({ submission, number })
  }
  return layers
}

function namesOf({ note, meta }: Submission): string[] {
  return [...(note ? [`note ${note.key}`] : []), ...(meta ? [`id ${meta.task_id}`] : [])]
}
