import type { Settlement } from '../../../backend/unitOfWork.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { Plan } from '../connection/plan.ts'
import { arrayOf, RowsStatement } from '../connection/rows.ts'
import { opening } from '../gate.ts'
import type { EndKind, Hold } from './delivery.ts'
import type { Notices } from './notices.ts'

/** The end of a hold. */
export interface Ending {
  readonly hold: Hold
  readonly kind: EndKind
  /** What is written with it, in the same transaction, if the hold is still ours. */
  readonly settlement?: Settlement
}

/** Writes what follows from settlements. */
export interface SettlementWriter {
  /**
   * Add the steps for all of them; their rows have the gates `hold.seq`. Returns what is called after the commit.
   * Throws for one that cannot be written, as EncodeError: then each is written by itself.
   */
  add(plan: Plan, endings: readonly (Ending & { readonly settlement: Settlement })[]): () => void
}

/** A consumer that takes messages in the transactions that settle earlier ones. */
export interface Claimer {
  /** How many messages it wants now. */
  wants(): number
  claimStep(limit: number): Step
  claimed(rows: readonly Row[], limit: number): void
  /** Nothing was claimed. */
  failed(error: Error): void
}

const KINDS: Readonly<Record<EndKind, number>> = { drop: 0, requeue: 1, return: 2 }

/** Opens the gates of the holds that were ours, and answers with their numbers. */
const SETTLE = new RowsStatement(
  'settle',
  { seq: 'int', consumer: 'int', fence: 'int', kind: 'int' },
  `, ours AS (
    DELETE FROM celeriac.claim c USING given g WHERE c.seq = g.seq AND c.consumer = g.consumer AND c.fence = g.fence
    RETURNING c.seq, g.kind
  ), dropped AS (
    DELETE FROM celeriac.message m USING ours o WHERE m.seq = o.seq AND o.kind = 0
  ), returned AS (
    UPDATE celeriac.message m SET claims = m.claims + 1 FROM ours o WHERE m.seq = o.seq AND o.kind = 1
  )
  SELECT ${opening('array_agg(seq)')} FROM ours`,
)

const REMAINING = {
  name: 'remaining',
  text: 'SELECT seq FROM celeriac.message WHERE seq = ANY ($1::bigint[])',
}

/** Endings of one transaction. */
const MAX_ENDINGS = 1000
/** Wait before the next claim after one that failed, ms. */
const RETRY_DELAY_MS = 500

interface Waiting {
  readonly ending: Ending
  readonly resolve: (ours: boolean) => void
  readonly reject: (error: unknown) => void
}

interface Claim {
  readonly claimer: Claimer
  readonly limit: number
  readonly step: Step
}

/**
 * Settles deliveries and claims the next messages: one transaction after the other, each with all that has come
 * meanwhile. A busy worker pays one commit for the ends of many tasks and for the next ones.
 */
export class Settler {
  readonly #database: Database
  readonly #notices: Notices
  /** The one that got a message last is last. */
  readonly #claimers = new Set<Claimer>()
  #writer: SettlementWriter | undefined
  readonly #waiting: Waiting[] = []
  #scheduled = false
  #running = false
  #retry: NodeJS.Timeout | undefined
  /** No claim before this moment, by the clock of `performance`. */
  #claimsFrom = 0

  constructor(database: Database, notices: Notices) {
    this.#database = database
    this.#notices = notices
  }

  /** What writes the rest of a settlement. */
  set writer(writer: SettlementWriter) {
    this.#writer = writer
  }

  join(claimer: Claimer): () => void {
    this.#claimers.add(claimer)
    this.wake()
    return () => this.#claimers.delete(claimer)
  }

  /** Resolves true when it took effect; false when the hold was no longer ours: then nothing was written. */
  end(ending: Ending): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ending, resolve, reject })
      this.wake()
    })
  }

  /** There is something to settle or to claim: do it at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    // Two turns: what ends in this one frees slots, and what fills them may end at once.
    setImmediate(() => {
      this.#scheduled = false
      void this.#flush()
    })
  }

  close(): void {
    clearTimeout(this.#retry)
    this.#claimers.clear()
  }

  async #flush(): Promise<void> {
    if (this.#running) return
    const batch = this.#nextBatch()
    const claims = this.#claims()
    if (batch.length === 0 && claims.length === 0) return
    this.#running = true
    try {
      await this.#run(batch, claims)
    } finally {
      this.#running = false
    }
    this.wake()
  }

  /** A second ending of one hold is for the next transaction: it finds that the first one took effect, or did not. */
  #nextBatch(): Waiting[] {
    const batch = this.#waiting.splice(0, MAX_ENDINGS)
    const seqs = new Set<number>()
    const again = batch.filter(({ ending: { hold } }) => seqs.size === seqs.add(hold.seq).size)
    if (again.length === 0) return batch
    this.#waiting.unshift(...again)
    return batch.filter((one) => !again.includes(one))
  }

  #claims(): Claim[] {
    if (performance.now() < this.#claimsFrom) return []
    return [...this.#claimers].flatMap((claimer) => {
      const limit = claimer.wants()
      return limit > 0 ? [{ claimer, limit, step: claimer.claimStep(limit) }] : []
    })
  }

  async #run(batch: readonly Waiting[], claims: readonly Claim[]): Promise<void> {
    const plan = new Plan()
    let repeated = false
    try {
      const settled = batch.length > 0 ? this.#settle(plan, batch) : undefined
      const reads = claims.map(({ step }) => plan.add([step]))
      await plan.run(this.#database, {
        repeatable: true,
        repeating: () => {
          repeated = true
        },
      })
      for (const [at, { claimer, limit }] of claims.entries()) this.#claimed(claimer, reads[at]?.()[0] ?? [], limit)
      if (settled) await settled(repeated)
    } catch (error) {
      for (const { claimer } of claims) claimer.failed(error as Error)
      if (claims.length > 0) this.#tryLater()
      await this.#failed(batch, error)
    }
  }

  /** What one gives back is for the others. */
  #claimed(claimer: Claimer, rows: readonly Row[], limit: number): void {
    if (rows.length > 0 && this.#claimers.delete(claimer)) this.#claimers.add(claimer)
    claimer.claimed(rows, limit)
  }

  /** Returns what answers the callers after the commit. */
  #settle(plan: Plan, batch: readonly Waiting[]): (repeated: boolean) => Promise<void> {
    const rows = SETTLE.rows()
    const requeued = new Map<string, boolean>()
    for (const { ending } of batch) {
      const { hold, kind } = ending
      rows.add(hold.seq, hold.consumer, hold.fence, KINDS[kind])
      if (kind !== 'drop') requeued.set(hold.queue, true)
    }
    const read = plan.add([SETTLE.step(rows)])
    const written = this.#writer?.add(
      plan,
      batch.flatMap(({ ending: { settlement, ...ending } }) => (settlement ? { ...ending, settlement } : [])),
    )
    plan.add(this.#notices.steps(requeued))
    return async (repeated) => {
      const ours = numbersIn(read()[0]?.[0]?.[0])
      if (repeated) await this.#addSettled(batch, ours)
      written?.()
      for (const { ending, resolve } of batch) resolve(ours.has(ending.hold.seq))
    }
  }

  /**
   * The connection was lost, and the transaction sent again: the first one may have been committed. A message that is
   * gone was dropped by it.
   */
  async #addSettled(batch: readonly Waiting[], ours: Set<number>): Promise<void> {
    const open = batch.filter(({ ending: { hold, kind } }) => kind === 'drop' && !ours.has(hold.seq))
    if (open.length === 0) return
    const seqs = open.map(({ ending }) => ending.hold.seq)
    const [rows = []] = await this.#database.run([{ statement: REMAINING, values: [arrayOf(seqs)] }], {
      repeatable: true,
    })
    const left = new Set(rows.map(([seq]) => Number(seq)))
    for (const seq of seqs) if (!left.has(seq)) ours.add(seq)
  }

  /** One of them may have failed for all: each by itself then. */
  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length < 2 || error instanceof StoreUnavailableError) {
      for (const { reject } of batch) reject(error)
      return
    }
    for (const one of batch) await this.#run([one], [])
  }

  #tryLater(): void {
    this.#claimsFrom = performance.now() + RETRY_DELAY_MS
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.wake(), RETRY_DELAY_MS).unref()
  }
}

/** The numbers of an array in PostgreSQL's form. */
function numbersIn(text: string | null | undefined): Set<number> {
  const inner = text?.slice(1, -1) ?? ''
  return new Set(inner === '' ? [] : inner.split(',').map(Number))
}
