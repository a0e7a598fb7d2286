import type { StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Submission } from '../../backend/unitOfWork.ts'
import { StoreUnavailableError } from '../../std/errors.ts'
import type { Messages } from './broker/messages.ts'
import type { SqliteFile } from './file.ts'
import type { SqliteBackend } from './results/backend.ts'
import { changeWindow, writeInWindows } from './window.ts'

/*
 * More messages than one transaction should write are sent in three steps, so that all of them are sent or none:
 *   1. staged: written in short transactions, each held by their batch, so that no worker takes them
 *   2. released: the transaction that sends them sets the state of the batch
 *   3. moved: in short transactions their queues get them. If the sender dies meanwhile, a worker's sweep goes on.
 * If the sender dies before the second step, nothing was sent, and a sweep drops what is staged.
 */

const STAGED = 0
const RELEASED = 1
const DROPPED = 2

/** How long one transaction writes staged messages, ms, and how long the lock is left to others after it, ms. */
const STAGE_MS = 20
/** A process that waits for the lock tries again within 5 ms. */
const STAGE_PAUSE_MS = 6
/** A sender that has written nothing for so long is dead, ms: longer than a write waits for other processes. */
const SILENCE_MS = 300_000
/** How long after its release, or its last transaction, a sweep goes on with a batch, ms. */
const RESUME_DELAY_MS = 10_000
/** Batches that one sweep handles. */
const MAX_SWEPT = 10

interface Batch {
  readonly id: number
  readonly state: number
}

/** Messages and records that are written in several transactions, and sent by one. */
export class Staging {
  readonly #file: SqliteFile
  readonly #messages: Messages
  readonly #backend: SqliteBackend
  #prepared: Statements | undefined

  constructor(file: SqliteFile, messages: Messages, backend: SqliteBackend) {
    this.#file = file
    this.#messages = messages
    this.#backend = backend
  }

  /** Returns the batch. Where it rejects, nothing stays. */
  async stage(submissions: readonly Submission[]): Promise<number> {
    const { add } = this.#statements
    const batch = await this.#file.writer.write(() => Number(add.run(STAGED, this.#silent).lastInsertRowid))
    try {
      await this.#writeAll(batch, submissions)
    } catch (error) {
      // Where it cannot be dropped now, a sweep does it.
      await Promise.allSettled([this.#dropAll(batch)])
      throw error
    }
    return batch
  }

  /** Inside the transaction that sends them. Throws StoreUnavailableError where they were dropped. */
  release(batch: number): void {
    this.#change(batch, STAGED, RELEASED, this.#backend.chords.now + RESUME_DELAY_MS)
  }

  /** After that transaction, or when it failed: what is released gets into its queues, all else is dropped. */
  async finish(batch: number): Promise<void> {
    try {
      const found = await this.#file.read(() => this.#statements.get.get(batch) as Batch | undefined)
      if (found) await this.#finish(found)
    } catch (error) {
      // What is released is sent: an outage is not the sender's. The next sweep of any worker goes on with it.
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }

  /** Go on with the batches of processes that died. */
  async resume(): Promise<void> {
    const { left } = this.#statements
    const batches = await this.#file.read(
      () => left.all(this.#backend.chords.now, MAX_SWEPT) as unknown as readonly Batch[],
    )
    for (const batch of batches) await this.#finish(batch)
  }

  #finish({ id, state }: Batch): Promise<void> {
    return state === RELEASED ? this.#moveAll(id) : this.#dropAll(id)
  }

  async #writeAll(batch: number, submissions: readonly Submission[]): Promise<void> {
    for (let at = 0; at < submissions.length; ) {
      const from = at
      at = await this.#file.writer.write(() => this.#writeSome(batch, submissions, from))
      if (at < submissions.length) await sleep(STAGE_PAUSE_MS)
    }
  }

  /** As many as fit a window, from a place on. Returns where the next ones begin. */
  #writeSome(batch: number, submissions: readonly Submission[], from: number): number {
    this.#change(batch, STAGED, STAGED, this.#silent)
    let at = from
    changeWindow((limit) => {
      const some = submissions.slice(at, at + limit)
      for (const submission of some) this.#write(batch, submission)
      at += some.length
      return some.length
    }, STAGE_MS)
    return at
  }

  #write(batch: number, { message, meta, metadata }: Submission): void {
    if (meta) this.#backend.records.save(meta, false, metadata)
    if (message) this.#messages.publish(message.envelope, message.route, { notBefore: message.notBefore }, -batch)
  }

  #moveAll(batch: number): Promise<void> {
    return writeInWindows(this.#file.writer, () => {
      this.#statements.keep.run(this.#backend.chords.now + RESUME_DELAY_MS, batch)
      if (this.#messages.giveSome(-batch)) return true
      this.#statements.remove.run(batch)
      return false
    })
  }

  /** Unless it is released. */
  #dropAll(batch: number): Promise<void> {
    const { drop, remove } = this.#statements
    return writeInWindows(this.#file.writer, () => {
      // From now on its sender, should it live, can neither write nor release.
      if (drop.run(DROPPED, this.#backend.chords.now + RESUME_DELAY_MS, batch, RELEASED).changes !== 1) return false
      if (changeWindow((limit) => this.#dropSome(batch, limit))) return true
      remove.run(batch)
      return false
    })
  }

  #dropSome(batch: number, limit: number): number {
    const dropped = this.#messages.dropHeld(-batch, limit)
    for (const { task_id: id } of dropped) if (id !== null) this.#backend.unsave(id)
    return dropped.length
  }

  #change(batch: number, from: number, to: number, until: number): void {
    if (this.#statements.change.run(to, until, batch, from).changes === 1) return
    throw new StoreUnavailableError(
      `the messages that this process wrote were dropped, as it wrote nothing for ${SILENCE_MS / 1000} s: send them again`,
    )
  }

  /** Most apps send no group that is so large. */
  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file)
    return this.#prepared
  }

  get #silent(): number {
    return this.#backend.chords.now + SILENCE_MS
  }
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: SqliteFile) {
  return {
    add: db.prepare('INSERT INTO celeriac_batch (state, until) VALUES (?, ?)'),
    get: db.prepare('SELECT id, state FROM celeriac_batch WHERE id = ?'),
    change: db.prepare('UPDATE celeriac_batch SET state = ?, until = ? WHERE id = ? AND state = ?'),
    drop: db.prepare('UPDATE celeriac_batch SET state = ?, until = ? WHERE id = ? AND state <> ?'),
    keep: db.prepare('UPDATE celeriac_batch SET until = ? WHERE id = ?'),
    remove: db.prepare('DELETE FROM celeriac_batch WHERE id = ?'),
    left: db.prepare('SELECT id, state FROM celeriac_batch WHERE until < ? ORDER BY id LIMIT ?'),
  } satisfies Record<string, StatementSync>
}
