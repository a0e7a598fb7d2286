import { EXTRA_LANES, isLane, MAX_OF_LANE } from '../../../broker/lane.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { type ClaimedMessage, heldOf, textArray } from './claims.ts'

/*
 * Claims of lanes, where messages with limits wait (schema/limitTables.ts): limits are taken where messages are
 * claimed, and return where the claims are deleted, by `celeriac.claim_lanes`.
 */

/**
 * SQL: of claims that this statement deletes, with the column `lane`: what they took of limits returns with the claim
 * of lanes in the same transaction (`LaneClaims.step`, `returningStep`).
 */
export function returning(lane: string): string {
  return `set_config('celeriac.returned', (array_agg(${lane}) FILTER (WHERE ${lane} IS NOT NULL))::text, true)`
}

/** SQL: of such claims, at once. Not called where none has a lane. */
export function returningNow(table: string): string {
  return `(SELECT celeriac.return_lanes(array_agg(lane) FILTER (WHERE lane IS NOT NULL)) FROM ${table} HAVING count(lane) > 0)`
}

const RETURNED = "nullif(current_setting('celeriac.returned', true), '')::bigint[]"

const CLAIM: Statement = {
  name: 'lanes_claim',
  text: `SELECT * FROM celeriac.claim_lanes($1::bigint, $2::text[], $3::integer, $4::integer, $5::integer,
    $6::double precision, ${RETURNED})`,
}

const HAS_LANES: Statement = {
  name: 'lanes_exist',
  text: 'SELECT EXISTS (SELECT FROM celeriac.lane WHERE queue = ANY ($1::text[]))',
}

/** Whether the queues have lanes: its row is for `hasLanes`. */
export function hasLanesStep(queues: readonly string[]): Step {
  return { statement: HAS_LANES, values: [textArray(queues)] }
}

export function hasLanes([row]: readonly Row[]): boolean {
  return row?.[0] === 't'
}

/** What a claim of lanes found. */
export interface LaneClaim {
  readonly messages: readonly ClaimedMessage[]
  /** There is more to look at now. */
  readonly more: boolean
  /** When a limit lets something through again, by the clock of the application; undefined: not by time. */
  readonly wake: number | undefined
}

/** The step of a transaction that claims nothing of lanes, and returns the permits of what it settles. */
export function returningStep(now: number): Step {
  return { statement: CLAIM, values: [null, '{}', 0, 0, 0, now] }
}

/** How many times as many the next one looks at where it found too little, and how many at most. */
const SEEN_FACTOR = 4
const MAX_SEEN_LANES = 1000
/** Where lanes turned out to hold less, so many claims take one of each. */
const SHALLOW_CLAIMS = 16

/** Claims of lanes by one consumer. */
export class LaneClaims {
  #seen = 0
  #limit = 0
  #number = 0
  #ofLane = 1
  /** Claims from now on that take one of each lane. */
  #shallow = 0

  step(consumer: number, queues: readonly string[], limit: number, now: number): Step {
    this.#limit = limit
    // The fence: the consumer's other claims have numbers above 0.
    const fence = -++this.#number
    const seen = Math.min(MAX_SEEN_LANES, Math.max(Math.ceil(limit / this.#ofLane) + EXTRA_LANES, this.#seen))
    this.#seen = seen
    return { statement: CLAIM, values: [consumer, textArray(queues), limit, seen, fence, now] }
  }

  /** `now`: as in `step`. */
  read(rows: readonly Row[], now: number): LaneClaim {
    const messages = rows.filter(([seq]) => seq !== null).map(heldOf)
    const [isMore, at] = rows.at(-1)?.slice(10) ?? []
    const wake = at == null ? undefined : Number(at)
    const more = isMore === 't' || messages.length >= this.#limit || (wake !== undefined && wake <= now)
    // Behind many lanes that are blocked there may be one that is not.
    const isFull = messages.length >= this.#limit
    this.#seen = more && !isFull ? this.#seen * SEEN_FACTOR : 0
    this.#learn(isFull, more)
    return { messages, more, wake }
  }

  /** Whether lanes hold more than one message. */
  #learn(isFull: boolean, isMore: boolean): void {
    if (this.#shallow > 0) this.#shallow--
    else if (isFull) this.#ofLane = Math.min(MAX_OF_LANE, this.#ofLane * 2)
    else if (isMore && this.#ofLane > 1) {
      this.#ofLane = 1
      this.#shallow = SHALLOW_CLAIMS
    }
  }
}

/** It was taken under limits. */
export function isLimited({ queue }: Pick<ClaimedMessage, 'queue'>): boolean {
  return isLane(queue)
}
