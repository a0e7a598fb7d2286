import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterStore,
  Death,
  KeptDeadLetter,
} from '../../backend/dead/deadLetters.ts'
import type { Redriven } from '../../backend/unitOfWork.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal, RETRY, SUCCESS } from '../../protocol/states.ts'
import { pieces } from '../../std/chunks.ts'
import type { Clock } from '../../std/clock.ts'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { PAGE_SIZE, requireOptions, requireRate } from '../jobs/filterChecks.ts'
import type { Stores } from '../stores.ts'
import { freshMessage } from './freshMessage.ts'
import type { QueuedLetters } from './queuedLetters.ts'

/** How dead letters are sent again. */
export interface RedriveOptions {
  /** List what would be sent, and change nothing. Default `false`. */
  readonly dryRun?: boolean | undefined
  /** At most so many in a time, as `'300/m'`. Default: as many as the store takes. */
  readonly rate?: string | number | undefined
  /** Most dead letters of one call. Default: all that fit, but for those that die meanwhile. */
  readonly limit?: number | undefined
  /** Ends the call early: what was sent until then is in the report. */
  readonly signal?: AbortSignal | undefined
}

/** What was sent again, or would be. */
export interface RedrivenLetters {
  /** Ids of the tasks that were sent, the oldest dead letter first. */
  readonly ids: readonly string[]
  /** Ids of those whose jobs have succeeded meanwhile: they were dropped, and not sent. */
  readonly succeeded: readonly string[]
  /** Ids that no dead letter had, or no longer when it was to be sent: another call has sent or dropped it. */
  readonly gone: readonly string[]
  /** Messages of queues named `<queue>.dead`, as with `rpc://`, that were sent: they are not listed. */
  readonly queued: number
}

/** What it needs. */
export interface RedrivingHost {
  readonly stores: Stores
  readonly clock: Clock
  /** Undefined where there are only queues. */
  readonly store: DeadLetterStore | undefined
}

/** Dead letters that are sent with one write. */
const MAX_AT_ONCE = 100
/** How many deaths a message takes along. */
const MAX_DEATHS = 10

export const REDRIVE = 'deadLetters.redrive'

/** Throws ArgumentError. `limit` is checked with the selection, and the rate where it is used. */
export function requireRedrive(options: RedriveOptions): void {
  requireOptions(REDRIVE, options, ['dryRun'], ['rate', 'limit', 'signal'])
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ArgumentError(`${REDRIVE}: signal: expected an AbortSignal, got ${shown(signal)}`)
}

/** Sends dead letters again, and counts. */
export class Redriving {
  readonly #host: RedrivingHost
  readonly #dryRun: boolean
  readonly #limit: number
  readonly #signal: AbortSignal | undefined
  readonly #pace: Pace
  readonly #ids: string[] = []
  readonly #succeeded: string[] = []
  readonly #gone: string[] = []
  #queued = 0

  constructor(host: RedrivingHost, { dryRun = false, rate, limit, signal }: RedriveOptions) {
    this.#host = host
    this.#dryRun = dryRun
    this.#limit = limit ?? Number.POSITIVE_INFINITY
    this.#signal = signal
    this.#pace = new Pace(host.clock, requireRate(REDRIVE, rate), signal)
  }

  get report(): RedrivenLetters {
    return { ids: this.#ids, succeeded: this.#succeeded, gone: this.#gone, queued: this.#queued }
  }

  get #left(): number {
    return this.#signal?.aborted ? 0 : this.#limit - this.#ids.length - this.#queued
  }

  /** Those of these ids. */
  async named(ids: readonly string[]): Promise<void> {
    for (const some of pieces(ids, PAGE_SIZE)) await this.#some(some)
  }

  /** Those that fit, the oldest first; those that die again meanwhile are not sent once more. */
  async fitting(filter: DeadLetterFilter): Promise<void> {
    const { store } = this.#host
    const [newest] = (await store?.list({ limit: 1 }))?.letters ?? []
    let cursor: string | undefined
    do {
      const limit = Math.min(PAGE_SIZE, this.#left)
      const page: DeadLetterPage | undefined =
        limit > 0 ? await store?.list({ ...filter, limit, cursor, oldest: true }) : undefined
      const known = page?.letters.filter(({ version }) => version <= (newest?.version ?? 0)) ?? []
      await this.#some(known.map(({ id }) => id))
      cursor = known.length === page?.letters.length ? page.cursor : undefined
    } while (cursor !== undefined)
  }

  /** All of these queues. */
  async queued(letters: QueuedLetters): Promise<void> {
    if (this.#dryRun) {
      for (const count of (await letters.count()).values()) this.#queued += Math.min(count, Math.max(0, this.#left))
      return
    }
    await letters.each(async (send) => {
      if (this.#left <= 0 || (await this.#pace.next(1)) === 0) return false
      await send()
      this.#queued++
      return true
    })
  }

  async #some(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length && this.#left > 0; ) {
      const most = Math.min(MAX_AT_ONCE, this.#left, ids.length - at)
      const count = this.#dryRun ? most : await this.#pace.next(most)
      if (count === 0) return
      await this.#send(ids.slice(at, at + count))
      at += count
    }
  }

  async #send(ids: readonly string[]): Promise<void> {
    const { stores, store } = this.#host
    const letters = (await store?.load(ids)) ?? []
    const records = await stores.backend.load(ids)
    const wanted: Redriven[] = []
    const done: KeptDeadLetter[] = []
    for (const [at, letter] of letters.entries()) {
      if (!letter) this.#gone.push(ids[at] as string)
      else if (records[at]?.status === SUCCESS) done.push(letter)
      else wanted.push(redrivenOf(letter, records[at]))
    }
    this.#succeeded.push(...done.map(({ id }) => id))
    if (this.#dryRun) {
      this.#ids.push(...wanted.map(({ id }) => id))
      return
    }
    for (const { id, version } of done) await store?.remove(id, version)
    if (wanted.length === 0) return
    const sent = (await stores.unitOfWork.redrive?.(wanted)) ?? []
    for (const [at, { id }] of wanted.entries()) (sent[at] ? this.#ids : this.#gone).push(id)
  }
}

function redrivenOf(letter: KeptDeadLetter, known: TaskMeta | undefined): Redriven {
  const { id, version, envelope, queue, history, reason, error, died, worker } = letter
  const deaths: readonly Death[] = [...history, { reason, error, died, worker }]
  const message = {
    envelope: freshMessage(envelope, deaths.slice(-MAX_DEATHS)),
    route: { exchange: '', routingKey: queue },
  }
  // What it is now, until it runs: it waits to be tried again, after this error.
  const { problem: _, ...before } = known ?? {}
  const meta = { ...before, status: RETRY, date_done: null, retries: 0 } as TaskMeta
  return { id, version, message, meta: known && isFinal(known.status) ? meta : undefined }
}

/** How many may be sent, at a rate. */
class Pace {
  readonly #clock: Clock
  /** Between two, ms. */
  readonly #interval: number | undefined
  readonly #signal: AbortSignal | undefined
  #started: number | undefined
  #sent = 0

  constructor(clock: Clock, interval: number | undefined, signal: AbortSignal | undefined) {
    this.#clock = clock
    this.#interval = interval
    this.#signal = signal
  }

  /** Waits until one may be sent, and returns how many of these may be sent now; 0 after an abort. */
  async next(most: number): Promise<number> {
    if (this.#signal?.aborted) return 0
    if (this.#interval === undefined) return most
    this.#started ??= this.#clock.now()
    const wait = this.#started + this.#sent * this.#interval - this.#clock.now()
    if (wait > 0 && !(await this.#pause(wait))) return 0
    const due = Math.floor((this.#clock.now() - this.#started) / this.#interval) + 1 - this.#sent
    const count = Math.max(1, Math.min(most, due))
    this.#sent += count
    return count
  }

  /** False after an abort. */
  #pause(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const cancel = this.#clock.after(ms, () => resolve(true))
    const abort = (): void => {
      cancel()
      resolve(false)
    }
    this.#signal?.addEventListener('abort', abort, { once: true })
    return promise.finally(() => this.#signal?.removeEventListener('abort', abort))
  }
}
