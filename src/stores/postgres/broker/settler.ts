import type { Settlement } from '../../../backend/unitOfWork.ts'
import type { Clock } from '../../../std/clock.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { Plan } from '../connection/plan.ts'
import { arrayOf, RowsStatement } from '../connection/rows.ts'
import { opening } from '../gate.ts'
import type { EndKind, Hold } from './delivery.ts'
import { returning, returningStep } from './lanes.ts'
import { joined, type Notices, type Payload } from './notices.ts'

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

/** The steps of a claim. */
export interface ClaimSteps {
  /** Of the queues themselves. */
  readonly own?: Step | undefined
  /** Of their lanes. */
  readonly lanes?: Step | undefined
}

/** What they have claimed. */
export interface ClaimedRows {
  readonly own: readonly Row[]
  /** Undefined where it had no step for lanes. */
  readonly lanes: readonly Row[] | undefined
}

/** A consumer that takes messages in the transactions that settle earlier ones. */
export interface Claimer {
  /** How many messages it wants now. */
  wants(): number
  /** `mayTakeLanes`: a transaction locks limits once. */
  claimSteps(limit: number, mayTakeLanes: boolean): ClaimSteps
  /** Its id now. */
  readonly id: number
  /** `consumer`: its id when it claimed. */
  claimed(rows: ClaimedRows, limit: number, consumer: number): void
  /** Finds what it has claimed, but these messages. */
  missedStep(known: readonly number[]): Step
  missed(rows: readonly Row[], consumer: number): void
  /** Nothing was claimed, or the answer was lost. `ofLanes`: it had a step for lanes. */
  failed(error: Error, limit: number, ofLanes: boolean): void
}

const KINDS: Readonly<Record<EndKind, number>> = { drop: 0, requeue: 1, return: 2 }

/** Opens the gates of the holds that were ours, and answers with their numbers. */
const SETTLE = new RowsStatement(
  'settle',
  { seq: 'int', consumer: 'int', fence: 'int', kind: 'int' },
  `, ours AS (
    DELETE FROM celeriac.claim c USING given g WHERE c.seq = g.seq AND c.consumer = g.consumer AND c.fence = g.fence
    RETURNING c.seq, g.kind, c.lane
  ), dropped AS (
    DELETE FROM celeriac.message m USING ours o WHERE m.seq = o.seq AND o.kind = 0
  ), returned AS (
    UPDATE celeriac.message m SET claims = m.claims + 1 FROM ours o WHERE m.seq = o.seq AND o.kind = 1
  )
  SELECT ${opening('array_agg(seq)')}, ${returning('lane')}
  FROM ours`,
)

/** Of messages, those that are left; and of consumers. */
const REMAINING = {
  name: 'remaining',
  text: `SELECT 'message', seq FROM celeriac.message WHERE seq = ANY ($1::bigint[])
    UNION ALL SELECT 'consumer', id FROM celeriac.consumer WHERE id = ANY ($2::bigint[])`,
}

/** Endings for which a transaction begins while another one is under way. */
const MIN_BESIDE = 64
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
  readonly consumer: number
  /** 0: no claim. */
  readonly limit: number
  readonly steps: ClaimSteps
  /** The search for earlier ones. */
  readonly missed: Step | undefined
}

/**
 * Settles deliveries and claims the next messages: one transaction after the other, each with all that has come
 * meanwhile. A busy worker pays one commit for the ends of many tasks and for the next ones.
 */
export class Settler {
  readonly #database: Database
  readonly #notices: Notices
  readonly #clock: Clock
  /** The one that got a message last is last. */
  readonly #claimers = new Set<Claimer>()
  /** Those that may have claimed more than they know: the answer of a claim was lost. */
  readonly #unsure = new Set<Claimer>()
  /** Those that have not ended. */
  readonly #held = new Set<Hold>()
  /** Those of endings whose answer was lost. */
  readonly #doubtful = new WeakSet<Hold>()
  #writer: SettlementWriter | undefined
  readonly #waiting: Waiting[] = []
  #scheduled = false
  /** Transactions under way. */
  #running = 0
  #retry: NodeJS.Timeout | undefined
  /** No claim before this moment, by the clock of `performance`. */
  #claimsFrom = 0

  constructor(database: Database, notices: Notices, clock: Clock) {
    this.#database = database
    this.#notices = notices
    this.#clock = clock
  }

  /** What writes the rest of a settlement. */
  set writer(writer: SettlementWriter) {
    this.#writer = writer
  }

  join(claimer: Claimer): () => void {
    this.#claimers.add(claimer)
    this.wake()
    return () => {
      this.#claimers.delete(claimer)
      this.#unsure.delete(claimer)
    }
  }

  /** Claimed, and in the hands of its consumer. */
  keep(holds: readonly Hold[]): void {
    for (const hold of holds) this.#held.add(hold)
  }

  /** They ended, or are with others. */
  forget(holds: readonly Hold[]): void {
    for (const hold of holds) this.#held.delete(hold)
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
    if (this.#scheduled || !this.#mayRun) return
    this.#scheduled = true
    // Two turns: what ends in this one frees slots, and what fills them may end at once.
    setImmediate(() => {
      this.#scheduled = false
      void this.#flush()
    })
  }

  /** A second one begins beside the first only with many endings: then neither waits for the other's commit. */
  get #mayRun(): boolean {
    if (this.#running === 0) return true
    // What is missed is searched for when no other claim is under way.
    return this.#running === 1 && this.#waiting.length >= MIN_BESIDE && this.#unsure.size === 0
  }

  close(): void {
    clearTimeout(this.#retry)
    this.#claimers.clear()
  }

  async #flush(): Promise<void> {
    if (!this.#mayRun) return
    const batch = this.#nextBatch()
    const claims = this.#claims()
    if (batch.length === 0 && claims.length === 0) return
    this.#running++
    try {
      await this.#run(batch, claims)
    } finally {
      this.#running--
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
    let mayTakeLanes = true
    return [...this.#claimers].flatMap((claimer) => {
      const limit = Math.max(0, claimer.wants())
      const missed = this.#unsure.has(claimer) ? claimer.missedStep(this.#heldBy(claimer.id)) : undefined
      if (limit === 0 && !missed) return []
      const steps = limit > 0 ? claimer.claimSteps(limit, mayTakeLanes) : {}
      if (steps.lanes) mayTakeLanes = false
      return [{ claimer, consumer: claimer.id, limit, steps, missed }]
    })
  }

  /** Not what it held under an earlier id: that may have come back to it, and be among what it missed. */
  #heldBy(consumer: number): number[] {
    return [...this.#held].filter((hold) => hold.consumer === consumer).map(({ seq }) => seq)
  }

  async #run(batch: readonly Waiting[], claims: readonly Claim[]): Promise<void> {
    const plan = new Plan()
    let repeated = false
    let settled: ((repeated: boolean) => Promise<void>) | undefined
    let reads: (() => readonly Row[])[][]
    try {
      if (batch.length > 0) settled = this.#settle(plan, batch)
      reads = claims.map(({ steps, missed }) => [missed, steps.own].map((step) => rowsOf(plan, step)))
      // The last step of all: limits are locked until the commit.
      const lanes = claims.map(({ steps }) => rowsOf(plan, steps.lanes))
      for (const [at, read] of lanes.entries()) reads[at]?.push(read)
      if (batch.some(({ ending }) => ending.hold.limited) && claims.every(({ steps }) => !steps.lanes))
        plan.add([returningStep(this.#clock.now())])
      await plan.run(this.#database, {
        repeatable: true,
        repeating: () => {
          repeated = true
        },
      })
    } catch (error) {
      this.#notClaimed(claims, error as Error)
      await this.#failed(batch, error)
      return
    }
    this.forget(batch.map(({ ending }) => ending.hold))
    for (const [at, claim] of claims.entries()) this.#claimed(claim, reads[at] ?? [], repeated)
    try {
      await settled?.(repeated)
    } catch (error) {
      this.#reject(batch, error)
    }
  }

  /** `repeated`: the transaction was sent again, and the first one may have been committed. */
  #claimed(
    { claimer, consumer, limit, steps, missed: search }: Claim,
    [missed, claimed, ofLanes]: readonly (() => readonly Row[])[],
    repeated: boolean,
  ): void {
    const rows = { own: claimed?.() ?? [], lanes: steps.lanes && (ofLanes?.() ?? []) }
    if (this.#claimers.has(claimer)) {
      if (search) this.#unsure.delete(claimer)
      else if (repeated) this.#unsure.add(claimer)
      // What one returns is for the others.
      if (rows.own.length > 0 && this.#claimers.delete(claimer)) this.#claimers.add(claimer)
    }
    if (search) claimer.missed(missed?.() ?? [], consumer)
    if (steps.own || steps.lanes) claimer.claimed(rows, limit, consumer)
  }

  #notClaimed(claims: readonly Claim[], error: Error): void {
    for (const { claimer, limit, steps } of claims) {
      if (this.#claimers.has(claimer)) this.#unsure.add(claimer)
      claimer.failed(error, limit, steps.lanes !== undefined)
    }
    if (claims.length > 0) this.#tryLater()
  }

  /** Returns what answers the callers after the commit. */
  #settle(plan: Plan, batch: readonly Waiting[]): (repeated: boolean) => Promise<void> {
    const requeued = new Map<string, Payload>()
    for (const { ending } of batch) {
      const { hold, kind } = ending
      if (kind !== 'drop') requeued.set(hold.queue, joined(requeued.get(hold.queue), hold.limited ? 'l' : ''))
    }
    const read = addEndings(
      plan,
      batch.map(({ ending }) => ending),
    )
    const written = this.#writer?.add(
      plan,
      batch.flatMap(({ ending: { settlement, ...ending } }) => (settlement ? { ...ending, settlement } : [])),
    )
    plan.add(this.#notices.steps(requeued))
    return async (repeated) => {
      const ours = numbersIn(read()[0]?.[0]?.[0])
      const open = batch.filter(({ ending: { hold, kind } }) => kind === 'drop' && !ours.has(hold.seq))
      const doubtful = open.filter(({ ending: { hold } }) => repeated || this.#doubtful.has(hold))
      if (doubtful.length > 0) await this.#addSettled(doubtful, ours)
      written?.()
      for (const { ending, resolve } of batch) resolve(ours.has(ending.hold.seq))
    }
  }

  /**
   * The connection was lost, and they were sent again: the first transaction may have been committed. A message that is
   * gone was dropped by it; unless its consumer is gone, too, and another one may have had it.
   */
  async #addSettled(open: readonly Waiting[], ours: Set<number>): Promise<void> {
    const seqs = open.map(({ ending }) => ending.hold.seq)
    const consumers = [...new Set(open.map(({ ending }) => ending.hold.consumer))]
    const values = [arrayOf(seqs), arrayOf(consumers)]
    const [rows = []] = await this.#database.run([{ statement: REMAINING, values }], { repeatable: true })
    const left = new Set(rows.map(([kind, id]) => `${kind} ${id}`))
    for (const { hold } of open.map(({ ending }) => ending))
      if (!left.has(`message ${hold.seq}`) && left.has(`consumer ${hold.consumer}`)) ours.add(hold.seq)
  }

  /** One of them may have failed for all: each by itself then. */
  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length < 2 || error instanceof StoreUnavailableError) {
      this.#reject(batch, error)
      return
    }
    for (const one of batch) await this.#run([one], [])
  }

  #reject(batch: readonly Waiting[], error: unknown): void {
    for (const { ending, reject } of batch) {
      if (error instanceof StoreUnavailableError) this.#doubtful.add(ending.hold)
      reject(error)
    }
  }

  #tryLater(): void {
    this.#claimsFrom = performance.now() + RETRY_DELAY_MS
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.wake(), RETRY_DELAY_MS).unref()
  }
}

/** Adds the step that ends these holds; what reads its rows. It opens the gates of those that were ours. */
export function addEndings(plan: Plan, endings: readonly Ending[]): () => readonly (readonly Row[])[] {
  const rows = SETTLE.rows()
  for (const { hold, kind } of endings) rows.add(hold.seq, hold.consumer, hold.fence, KINDS[kind])
  return plan.add([SETTLE.step(rows)])
}

/** Adds the step; what reads its rows. */
function rowsOf(plan: Plan, step: Step | undefined): () => readonly Row[] {
  const read = plan.add(step ? [step] : [])
  return () => read()[0] ?? []
}

/** The numbers of an array in PostgreSQL's form. */
function numbersIn(text: string | null | undefined): Set<number> {
  const inner = text?.slice(1, -1) ?? ''
  return new Set(inner === '' ? [] : inner.split(',').map(Number))
}
