import type { AddedMember, Adding, OpenChord } from '../backend/chords.ts'
import type { Note, NoteStore } from '../backend/notes.ts'
import type { Message, Submission, UnitOfWork, Writing } from '../backend/unitOfWork.ts'
import type { Stores } from '../calls/stores.ts'
import { NotSupportedError } from '../std/errors.ts'
import type { CallerTable } from './callerTable.ts'
import { type Entry, rowOf } from './entry.ts'

/** Submits into the outbox: what is sent becomes rows, in the transaction of the caller. */
export class OutboxUnitOfWork implements UnitOfWork {
  readonly atomic = true
  readonly #table: CallerTable
  /** Of the app: what it does beside submitting. */
  readonly #rest: UnitOfWork
  readonly notes?: Pick<NoteStore, 'get' | 'put'>
  readonly submitGroup?: UnitOfWork['submitGroup']

  readonly #expect: (id: string) => void

  /** `expect` gets the ids of the jobs. */
  constructor(table: CallerTable, { unitOfWork, backend: { notes } }: Stores, expect: (id: string) => void) {
    this.#table = table
    this.#expect = expect
    this.#rest = unitOfWork
    if (notes) this.notes = { get: (key) => notes.get(key), put: (note: Note) => this.#write([{ note }]) }
    if (unitOfWork.submitGroup) this.submitGroup = (...group) => this.#submitGroup(...group)
  }

  async submit(submission: Submission): Promise<boolean> {
    await this.submitMany([submission])
    return true
  }

  async submitMany(submissions: readonly Submission[]): Promise<boolean[]> {
    for (const submission of submissions) this.#check(submission)
    await this.#write(submissions.map((submission) => ({ submissions: [submission] })))
    return submissions.map(() => true)
  }

  async #submitGroup(
    submissions: readonly Submission[],
    opens: readonly OpenChord[],
    adds?: AddedMember,
  ): Promise<Adding> {
    if (adds) throw new NotSupportedError('outbox: a member that is added to a chord cannot be sent through an outbox')
    for (const submission of submissions) this.#check(submission)
    await this.#write([{ submissions, opens: opens.length > 0 ? opens : undefined }])
    return 'new'
  }

  #write(entries: readonly Entry[]): Promise<void> {
    return this.#table.add(entries.map(rowOf))
  }

  /** As early as here: the caller can still roll back. */
  #check({ message, note, meta }: Submission): void {
    if (note)
      throw new NotSupportedError(
        'outbox: expected a call that is sent whatever others are, got one of a task with unique, debounce or throttle, or with idempotencyExpires: which of them is sent is known only where they are published',
      )
    if (message) this.check(message)
    if (meta) this.#expect(meta.task_id)
  }

  check(message: Message): void {
    this.#rest.check?.(message)
  }

  settle(settlement: Parameters<UnitOfWork['settle']>[0]): Promise<boolean> {
    return this.#rest.settle(settlement)
  }

  write(writing: Writing): Promise<boolean> {
    return this.#rest.write(writing)
  }

  emit(...output: Parameters<UnitOfWork['emit']>): Promise<boolean> {
    return this.#rest.emit(...output)
  }
}
