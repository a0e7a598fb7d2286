import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { NoteStore } from '../backend/notes.ts'
import type { Config } from '../config/config.ts'
import { assertEncodable } from '../protocol/encoding.ts'
import { encodeException } from '../protocol/exception.ts'
import { emptyRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { FAILURE, isFinal, PENDING, SUCCESS } from '../protocol/states.ts'
import { isoOf } from '../std/clock.ts'
import { milliseconds } from '../std/duration.ts'
import { ArgumentError, NotSupportedError, StoreUnavailableError, TaskError, TimeoutError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { pause } from '../std/pause.ts'
import { refuseUnknown, requireText, shown } from '../std/validate.ts'
import type { Wait, WaitForOptions } from '../tasks/waitTypes.ts'
import { AsyncResult } from './asyncResult.ts'
import type { AppStores, Stores } from './stores.ts'

/**
 * What happened to an answer: it was the first and is taken; another came before; the job does not wait any more (too
 * late, or it has ended); or there is no such token.
 */
export type WaitOutcome = 'completed' | 'already-completed' | 'over' | 'unknown'

/** The name under which a wait has its record. The record's id is no secret; the token contains one besides. */
export const WAIT_TASK = 'celeriac.wait'
const TOKEN_PATTERN = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([\w-]{32})$/
/** How often the record of a wait is renewed, ms. */
const RENEWAL_INTERVAL_MS = 86_400_000
/** Delay before the next attempt while the store is unavailable, ms. */
const RETRY_DELAY_MS = 1000
/** Where results are kept for ever, a token stays known this long after its wait has ended, ms. */
const EXPIRED_TOKEN_LIFETIME_MS = 30 * 86_400_000

/** Stored for a wait, so that another run of the job continues it. */
interface Note {
  readonly secret: string
  /** Until when it waits, ms since the epoch. */
  readonly until: number
  /** Id of the job that waits. */
  readonly job: string
}

/** A wait that the result backend stores. */
class StoredWait implements Wait {
  readonly #id: string
  readonly #note: Note
  readonly #name: string
  readonly #opened: Stores
  readonly #stores: AppStores

  constructor(id: string, note: Note, name: string, opened: Stores, stores: AppStores) {
    this.#id = id
    this.#note = note
    this.#name = name
    this.#opened = opened
    this.#stores = stores
  }

  get token(): string {
    return `${this.#id}.${this.#note.secret}`
  }

  get until(): number {
    return this.#note.until
  }

  async ended(): Promise<boolean> {
    const [record] = await this.#opened.backend.load([this.#id])
    return record !== undefined && isFinal(record.status)
  }

  async answer(signal: AbortSignal): Promise<unknown> {
    for (;;) {
      try {
        const left = this.#note.until - this.#stores.clock.now()
        if (left <= 0) await this.#close()
        else await this.#write({ date_due: isoOf(this.#note.until) })
        return await this.#result.get({
          timeout: left > 0 ? Math.min(left, RENEWAL_INTERVAL_MS) : RETRY_DELAY_MS,
          signal,
        })
      } catch (error) {
        if (error instanceof TaskError)
          throw new TimeoutError(`waitFor ${JSON.stringify(this.#name)}: no answer came in time`)
        // A wait of days survives an unavailable store.
        if (error instanceof StoreUnavailableError) await pause(RETRY_DELAY_MS, this.#stores.clock, signal)
        else if (!(error instanceof TimeoutError)) throw error
        signal.throwIfAborted()
      }
    }
  }

  get #result(): AsyncResult {
    return new AsyncResult(this.#id, this.#stores)
  }

  /** From now on no answer is accepted, unless one came in this very moment. */
  async #close(): Promise<void> {
    const result = encodeException({ type: 'TimeoutError', message: 'no answer came in time' })
    await this.#write({ status: FAILURE, result, date_done: isoOf(this.#stores.clock.now()) })
  }

  async #write(change: Partial<TaskMeta>): Promise<void> {
    const record = recordOf(this.#id, this.#note.job, this.#stores.clock.now())
    await this.#opened.unitOfWork.write({ meta: { ...record, ...change } })
  }
}

/** Throws as OpenWait. */
export async function openWait(
  stores: AppStores,
  config: Config,
  job: string,
  name: string,
  options: WaitForOptions,
): Promise<Wait> {
  const timeout = timeoutOf(name, options)
  const opened = await stores.open()
  const { notes, url } = opened.backend
  if (!notes) throw new NotSupportedError(`waitFor: ${url} remembers no tokens`)
  const id = waitIdOf(job, name)
  const fresh: Note = { secret: randomBytes(24).toString('base64url'), until: config.clock.now() + timeout, job }
  const expires = fresh.until + (config.resultExpires || EXPIRED_TOKEN_LIFETIME_MS)
  await notes.putIfAbsent({ key: waitNoteKey(id), value: JSON.stringify(fresh), expires })
  // The note of the run that asked first.
  const note = (await noteOf(notes, id)) ?? fresh
  return new StoredWait(id, note, name, opened, stores)
}

/**
 * Submit the answer that a job waits for. Throws EncodeError for a value that cannot be sent, NotSupportedError as
 * `openWait`.
 */
export async function completeWait(
  stores: AppStores,
  config: Config,
  token: string,
  value: unknown,
): Promise<WaitOutcome> {
  assertEncodable(value, 'value', config.resultSerializer)
  const { backend, unitOfWork } = await stores.open()
  const { notes } = backend
  if (!notes) throw new NotSupportedError(`completeWait: ${backend.url} remembers no tokens`)
  const [, id, secret] = (typeof token === 'string' && TOKEN_PATTERN.exec(token)) || []
  const note = id === undefined ? undefined : await noteOf(notes, id)
  if (id === undefined || secret === undefined || !note || !same(secret, note.secret)) return 'unknown'
  const [record, job] = await backend.load([id, note.job])
  if (record && isFinal(record.status)) return outcomeOf(record)
  const now = config.clock.now()
  if (note.until <= now || (job && isFinal(job.status))) return 'over'
  const meta = { ...recordOf(id, note.job, now), status: SUCCESS, result: value ?? null, date_done: isoOf(now) }
  if (await unitOfWork.write({ meta })) return 'completed'
  const [other] = await backend.load([id])
  return other ? outcomeOf(other) : 'over'
}

function outcomeOf({ status }: TaskMeta): WaitOutcome {
  return status === SUCCESS ? 'already-completed' : 'over'
}

function same(given: string, known: string): boolean {
  return given.length === known.length && timingSafeEqual(Buffer.from(given), Buffer.from(known))
}

function timeoutOf(name: string, options: WaitForOptions): number {
  requireText(name, 'waitFor: name')
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`waitFor: expected options such as { timeout: '1d' }, got ${shown(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, 'waitFor')
  if (options.notify !== undefined && typeof options.notify !== 'function')
    throw new ArgumentError(`waitFor: notify: expected a function, got ${shown(options.notify)}`)
  return milliseconds(options.timeout, 'waitFor: timeout')
}
const KNOWN_OPTIONS = new Set(['timeout', 'notify'])

/** The id under which a wait of a job has its record, with the answer. */
export function waitIdOf(job: string, name: string): string {
  return uuidOf(job, 'wait', name)
}

/** The key of the note of a wait. */
export function waitNoteKey(id: string): string {
  return `wait:${id}`
}

async function noteOf(notes: NoteStore, id: string): Promise<Note | undefined> {
  const text = await notes.get(waitNoteKey(id))
  return text === undefined ? undefined : (JSON.parse(text) as Note)
}

function recordOf(id: string, job: string, now: number): TaskMeta {
  return emptyRecord(id, PENDING, { name: WAIT_TASK, parent_id: job, date_submitted: isoOf(now) })
}
