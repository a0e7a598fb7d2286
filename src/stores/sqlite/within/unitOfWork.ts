import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AddedMember, Adding, CompleteChord, OpenChord } from '../../../backend/chords.ts'
import { DEFAULT_EVENT_LOG, type Output } from '../../../backend/eventLog.ts'
import type { Note, NoteStore } from '../../../backend/notes.ts'
import {
  type Completion,
  type CompletionState,
  isBounded,
  lastDue,
  MAX_ATOMIC_SUBMISSIONS,
  messagesOf,
  needsOf,
  type Settlement,
  type Submission,
  type UnitOfWork,
  type Writing,
} from '../../../backend/unitOfWork.ts'
import type { Delivery } from '../../../broker/broker.ts'
import type { LimitRule, LimitStore } from '../../../broker/limits.ts'
import { packedBytes } from '../../../protocol/packedMessage.ts'
import { pieces } from '../../../std/chunks.ts'
import { systemClock } from '../../../std/clock.ts'
import { leaseLost, WorkerLostError } from '../../../std/errors.ts'
import { Lanes } from '../broker/lanes.ts'
import { LimitRuleRows } from '../broker/limits.ts'
import { type Hold, Messages } from '../broker/messages.ts'
import type { QueueRoom } from '../broker/queueRoom.ts'
import type { SqliteBackend } from '../results/backend.ts'
import { OpenChords } from '../results/chords.ts'
import { SqliteEventLog } from '../results/eventLog.ts'
import { SqliteNotes } from '../results/notes.ts'
import { SqliteRecords } from '../results/records.ts'
import { CallerConnection, requireCaller } from './callerConnection.ts'
import { databaseOf } from './recognize.ts'

/** The statements on a database of the caller. */
interface CallerRows {
  readonly connection: CallerConnection
  readonly messages: Messages
  readonly records: SqliteRecords
  readonly notes: SqliteNotes
  readonly chords: OpenChords
}

/**
 * Those of each database, as long as they are not collected: they keep the database alive, so what keeps them must not
 * be kept by it.
 */
export type KnownCallers = WeakMap<DatabaseSync, WeakRef<CallerRows>>

/** Submits in a transaction of the caller. */
export class WithinUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly notes: Pick<NoteStore, 'get' | 'put'> = {
    get: async (key) => this.#write(({ notes }) => notes.get(key)),
    put: async (note: Note) => this.#write(({ notes }) => notes.put(note)),
  }
  readonly limits: Pick<LimitStore, 'define'> = { define: async (rules) => this.#define(rules) }
  readonly #rows: CallerRows
  /** Of the store: what it does beside submitting. */
  readonly #rest: UnitOfWork
  #room: QueueRoom | undefined

  private constructor(rows: CallerRows, rest: UnitOfWork) {
    this.#rows = rows
    this.#rest = rest
  }

  /** Throws as `UnitOfWork.within` rejects. */
  static of(client: object, backend: SqliteBackend, known: KnownCallers, rest: UnitOfWork): WithinUnitOfWork {
    const database = databaseOf(client)
    if (backend.file.lost) throw backend.file.lost
    // From here on no other connection writes, so that none makes this transaction fail.
    requireCaller(database, backend.file)
    let rows = known.get(database)?.deref()
    if (!rows?.connection.isAlive) {
      rows = rowsOf(database, backend)
      known.set(database, new WeakRef(rows))
    }
    return new WithinUnitOfWork(rows, rest)
  }

  async submit(submission: Submission): Promise<boolean> {
    const checking = this.#roomCheck([submission])
    const requireRoom = checking && (await checking)
    return this.#write((rows) => {
      requireRoom?.()
      return submit(rows, submission)
    })
  }

  /** Each of these writes blocks this thread for some milliseconds. */
  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    const sent: boolean[] = []
    const checking = this.#roomCheck(submissions)
    const requireRoom = checking && (await checking)
    for (const some of pieces(submissions, MAX_ATOMIC_SUBMISSIONS)) {
      const isFirst = sent.length === 0
      if (!isFirst) await nextTurn()
      const write = (rows: CallerRows): boolean[] => {
        if (isFirst) requireRoom?.()
        return some.map((submission) => submit(rows, submission))
      }
      sent.push(...this.#write(write))
    }
    return sent
  }

  async submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    const due = lastDue(messagesOf(submissions))
    const checking = this.#roomCheck(submissions)
    const requireRoom = checking && (await checking)
    return this.#write((rows) => {
      const adding = adds ? rows.chords.adding(adds, due) : 'new'
      if (adding !== 'new') return adding
      requireRoom?.()
      for (const submission of submissions) submit(rows, submission)
      rows.chords.open(opens, due)
      return adding
    })
  }

  /** As `Completions.write`. */
  complete({ hold, writing }: Completion): readonly CompleteChord[] {
    try {
      return this.#write((rows) => settle(rows, hold as unknown as Hold, writing))
    } catch (error) {
      if (error instanceof WorkerLostError) this.#rows.connection.veto()
      throw error
    }
  }

  /** Throws QueueFullError; nothing is written then. Undefined where none of these queues has a bound. */
  #roomCheck(submissions: readonly Submission[]): Promise<() => void> | undefined {
    if (!isBounded(submissions)) return undefined
    const needs = needsOf(submissions, packedBytes)
    return import('../broker/queueRoom.ts').then(({ QueueRoom }) => {
      this.#room ??= new QueueRoom(this.#rows.connection)
      const room = this.#room
      return () => {
        const full = room.problem(needs)
        if (full) throw full
      }
    })
  }

  #define(rules: readonly LimitRule[]): void {
    this.#write(({ connection }) => {
      const rows = new LimitRuleRows(connection)
      for (const { name } of rules.filter((rule) => rows.set(rule)))
        for (let from: string | undefined = ''; from !== undefined; ) from = rows.wake(name, from)
    })
  }

  #write<Value>(work: (rows: CallerRows) => Value): Value {
    return this.#rows.connection.write(() => work(this.#rows))
  }

  settle(settlement: Settlement): Promise<boolean> {
    return this.#rest.settle(settlement)
  }

  write(writing: Writing): Promise<boolean> {
    return this.#rest.write(writing)
  }

  emit(output: Output, delivery: Delivery | undefined): Promise<boolean> {
    return this.#rest.emit(output, delivery)
  }
}

function submit({ records, messages }: CallerRows, submission: Submission): boolean {
  return records.submit(submission, messages)
}

/** Throws WorkerLostError where it is not ours any more. */
function settle(
  rows: CallerRows,
  hold: Hold,
  { meta, publish = [], also = [], ...more }: Writing,
): readonly CompleteChord[] {
  const { records, messages, chords } = rows
  if (!messages.ack(hold)) throw leaseLost()
  if (meta) records.save(meta, true)
  for (const other of also) records.save(other, false, more.metadata?.get(other.task_id))
  for (const { envelope, route, notBefore } of publish) messages.publish(envelope, route, { notBefore })
  chords.open(more.opens ?? [], lastDue(publish))
  return chords.add(more.parts ?? [])
}

/** As `Completions.state`. A message that is gone was settled by its consumer, as long as that is registered. */
export function stateOf(db: DatabaseSync, { seq, owner, claims }: Hold): CompletionState {
  const row = db.prepare('SELECT owner, claims FROM celeriac_message WHERE seq = ?').get(seq)
  if (row) return row.owner === owner && row.claims === claims ? 'undone' : 'lost'
  return db.prepare('SELECT 1 FROM celeriac_consumer WHERE id = ?').get(owner) ? 'committed' : 'lost'
}

function rowsOf(database: DatabaseSync, { file, options }: SqliteBackend): CallerRows {
  const connection = new CallerConnection(database, file.url)
  const { clock = systemClock, eventLog = DEFAULT_EVENT_LOG } = options
  const notes = new SqliteNotes(connection.db, clock)
  const log = new SqliteEventLog(connection.db, eventLog)
  return {
    connection,
    notes,
    records: new SqliteRecords(connection, { options, clock, notes, log }),
    messages: new Messages(connection, clock, new Lanes(connection, clock)),
    chords: new OpenChords(connection, { ...options, clock }),
  }
}
