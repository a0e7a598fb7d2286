import type { Row, Step } from '../connection/pipeline.ts'
import { arrayOf } from '../connection/rows.ts'
import type { StoredMessage } from './messages.ts'

/** A claimed message. */
export interface ClaimedMessage extends StoredMessage {
  readonly seq: number
  readonly queue: string
  readonly rank: number
  /** How often it was taken and returned before. */
  readonly claims: number
  readonly lost: number
  /** Number of the consumer's claim that took it: with the consumer, the fence of its settlement. */
  readonly fence: number
}

/** SQL: no consumer holds the message `m`. As a value, so that it is looked up by the key for each message. */
export const NOT_CLAIMED = '(SELECT 1 FROM celeriac.claim c WHERE c.seq = m.seq) IS NULL'

/** Columns of `ClaimedMessage`. */
export const CLAIMED_COLUMNS = 'seq, queue, rank, claims, lost, task_id, head, body, bytes'

function columnsOf(table: string): string {
  return CLAIMED_COLUMNS.replace(/\w+/g, `${table}.$&`)
}

/*
 * The next messages of several queues, in their order: of the first queue, then of the second one. The claim's key
 * decides between two consumers; the locks only keep them from choosing the same messages. The last column is how long
 * the statement took, ms.
 */
const CLAIM = {
  name: 'claim',
  text: `WITH next AS MATERIALIZED (
    SELECT m.*, turn FROM unnest($3::text[], $4::int[], $5::bigint[]) WITH ORDINALITY AS q (name, above, after, turn)
    CROSS JOIN LATERAL (
      SELECT ${CLAIMED_COLUMNS} FROM celeriac.message m
      WHERE m.queue = q.name AND m.due IS NULL AND (m.rank, m.seq) > (q.above, q.after) AND ${NOT_CLAIMED}
      ORDER BY m.rank, m.seq LIMIT $2 FOR UPDATE OF m SKIP LOCKED
    ) m
    WHERE EXISTS (SELECT FROM celeriac.consumer WHERE id = $1)
    LIMIT $2
  ), taken AS (
    INSERT INTO celeriac.claim (seq, consumer, fence) SELECT seq, $1, $6 FROM next
    ON CONFLICT (seq) DO NOTHING RETURNING seq
  )
  SELECT ${CLAIMED_COLUMNS}, $6::integer, (SELECT extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000)
  FROM next WHERE seq = ANY (ARRAY(SELECT seq FROM taken)) ORDER BY turn, rank, seq`,
}

const MISSED = {
  name: 'claim_missed',
  text: `SELECT ${columnsOf('m')}, c.fence FROM celeriac.claim c JOIN celeriac.message m ON m.seq = c.seq
  WHERE c.consumer = $1 AND c.seq <> ALL ($2::bigint[]) ORDER BY m.rank, m.seq`,
}

/** What a consumer has claimed, but these messages: rows for `heldOf`. */
export function missedStep(consumer: number, known: readonly number[]): Step {
  return { statement: MISSED, values: [consumer, arrayOf(known)] }
}

/** Where a queue's messages begin: above all. */
const START: Place = { rank: -2_147_483_648, seq: 0 }

interface Place {
  readonly rank: number
  readonly seq: number
}

/**
 * A claim that took longer is slow, ms: it walked over many messages that were deleted and not yet cleaned up. A
 * consumer that has claimed fewer messages than this is on a busy machine instead.
 */
const SLOW_CLAIM_MS = 10
const MIN_CLAIMED = 2000
/** After a slow claim from the beginning of the queues, this many times as long claims begin where it found any. */
const REST_FACTOR = 10
const MAX_REST_MS = 5000

/**
 * Claims of one consumer. Deleted messages stay in the index until no transaction can see them: as long as a stranger's
 * transaction is open, each claim would walk over all of them. So after a claim that was slow the next ones begin where
 * it has found messages; now and then one begins at the beginning, for messages that came back or have a higher
 * priority.
 */
export class Claims {
  readonly #places = new Map<string, Place>()
  #restUntil = 0
  #isBounded = false
  #claimed = 0
  #number = 0
  #limit = 0
  #isFull = false

  step(consumer: number, queues: readonly string[], limit: number): Step {
    this.#isBounded = performance.now() < this.#restUntil
    if (!this.#isBounded) this.#places.clear()
    const places = queues.map((queue) => this.#places.get(queue) ?? START)
    const [ranks, seqs] = [places.map(({ rank }) => rank), places.map(({ seq }) => seq)]
    const values = [consumer, limit, textArray(queues), arrayOf(ranks), arrayOf(seqs), ++this.#number]
    this.#limit = limit
    return { statement: CLAIM, values }
  }

  read(rows: readonly Row[]): ClaimedMessage[] {
    const claimed = rows.map(heldOf)
    this.#isFull = claimed.length > 0 && claimed.length === this.#limit
    const took = Number(rows[0]?.at(-1) ?? 0)
    this.#claimed += claimed.length
    if (!this.#isBounded && took > SLOW_CLAIM_MS && this.#claimed >= MIN_CLAIMED)
      this.#restUntil = performance.now() + Math.min(MAX_REST_MS, took * REST_FACTOR)
    for (const { queue, rank, seq } of claimed) this.#places.set(queue, { rank, seq })
    return claimed
  }

  /** The last claim found as many as it asked for: there may be more. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** How long until a claim begins at the beginning again, ms; 0 where the last one did. */
  get rest(): number {
    return this.#isBounded ? Math.max(1, this.#restUntil - performance.now()) : 0
  }
}

export function claimedOf([seq, queue, rank, claims, lost, taskId, head, body, bytes]: Row): ClaimedMessage {
  return {
    seq: Number(seq),
    queue: queue as string,
    rank: Number(rank),
    claims: Number(claims),
    lost: Number(lost),
    taskId: taskId ?? null,
    head: head as string,
    body: body ?? null,
    bytes: bytes ?? null,
    fence: 0,
  }
}

/** A row with the fence after the columns. */
export function heldOf(row: Row): ClaimedMessage {
  return { ...claimedOf(row), fence: Number(row[9]) }
}

/** An array of texts in PostgreSQL's form. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`
}
