import type { PublishOptions, Route } from '../../../broker/broker.ts'
import { type Lane, laneOf } from '../../../broker/lane.ts'
import { calledTask, type Envelope } from '../../../protocol/envelope.ts'
import { EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../../protocol/event.ts'
import { type PackedMessage, packMessage, readMessage } from '../../../protocol/packedMessage.ts'
import type { Clock } from '../../../std/clock.ts'
import { queueChannelSql } from '../connection/listening.ts'
import type { Step } from '../connection/pipeline.ts'
import { type Rows, RowsStatement } from '../connection/rows.ts'
import { GATED } from '../gate.ts'
import { queueOfSql } from '../schema/limitTables.ts'
import { bindStep } from './bindings.ts'
import { enteringSteps, limitsTextOf } from './laneEntry.ts'
import { joined, type Notices, type Payload } from './notices.ts'

/** A message to be written. */
export interface MessageWrite {
  readonly envelope: Envelope
  readonly route: Route
  readonly options?: PublishOptions
  /** It is written only if this gate is open (see gate.ts). */
  readonly gate?: number | undefined
}

const COLUMNS = {
  gate: 'int',
  queue: 'text',
  rank: 'int',
  due: 'int',
  task_id: 'text',
  head: 'text',
  body: 'text',
  bytes: 'bytes',
} as const

const INSERT = 'INSERT INTO celeriac.message (queue, rank, due, task_id, head, body, bytes)'
const VALUES = "rank, due, task_id, head, body, decode(bytes, 'base64')"

const SEND = new RowsStatement(
  'send',
  COLUMNS,
  ` ${INSERT} SELECT queue, ${VALUES} FROM given WHERE ${GATED} ORDER BY at`,
)

/** To transient queues, as far as they exist. */
const SEND_TRANSIENT = new RowsStatement(
  'send_transient',
  COLUMNS,
  ` ${INSERT} SELECT queue, ${VALUES} FROM given
  WHERE ${GATED} AND EXISTS (SELECT FROM celeriac.binding b WHERE b.exchange = '' AND b.queue = given.queue) ORDER BY at`,
)

/**
 * A copy for each queue that is bound to the exchange; `queue` is the routing key. A receiver of events that does not
 * read gets no more of them. The queues are notified here, as only the server knows them.
 */
const SEND_ROUTED = new RowsStatement(
  'send_routed',
  { ...COLUMNS, exchange: 'text' },
  `, sent AS (
    ${INSERT} SELECT b.queue, ${VALUES}
    FROM given JOIN celeriac.binding b USING (exchange)
    WHERE ${GATED} AND (b.pattern IS NULL OR (given.queue || '.') ~ b.pattern) AND (exchange <> '${EVENT_EXCHANGE}'
      OR (SELECT 1 FROM celeriac.message m WHERE m.queue = b.queue AND m.due IS NULL
        OFFSET ${MAX_WAITING_EVENTS - 1} LIMIT 1) IS NULL)
    ORDER BY at
    RETURNING queue, due
  )
  SELECT pg_notify(${queueChannelSql('queue')},
    CASE WHEN bool_and(due IS NULL) THEN '' WHEN bool_or(due IS NULL) THEN 'b' ELSE 'd' END)::text FROM sent
  GROUP BY queue`,
)

/** The same for messages with limits: `lane` is the beginning of the names of their lanes. */
const SEND_ROUTED_LIMITED = new RowsStatement(
  'send_routed_limited',
  { ...COLUMNS, exchange: 'text', lane: 'text', limits: 'text' },
  `, sent AS (
    ${INSERT} SELECT given.lane || b.queue, ${VALUES}
    FROM given JOIN celeriac.binding b USING (exchange)
    WHERE ${GATED} AND (b.pattern IS NULL OR (given.queue || '.') ~ b.pattern)
    ORDER BY at
    RETURNING queue
  ), entered AS (
    SELECT DISTINCT s.queue AS lane, ${queueOfSql('s.queue')} AS queue, g.limits
    FROM sent s JOIN given g ON starts_with(s.queue, g.lane)
  )
  SELECT pg_notify(${queueChannelSql('queue')}, 'a')::text,
    celeriac.enter_lanes(array_agg(lane), array_agg(queue), array_agg(limits))::text
  FROM entered GROUP BY queue`,
)

/** Writes messages, many in one statement. */
export class Messages {
  readonly #clock: Clock
  readonly #notices: Pick<Notices, 'steps'>

  constructor(clock: Clock, notices: Pick<Notices, 'steps'>) {
    this.#clock = clock
    this.#notices = notices
  }

  /** The steps that write these in the transaction of the caller, and notify the consumers of their queues. */
  steps(writes: readonly MessageWrite[]): Step[] {
    const steps: Step[] = []
    const [direct, transient, routed] = [SEND.rows(), SEND_TRANSIENT.rows(), SEND_ROUTED.rows()]
    const limited = SEND_ROUTED_LIMITED.rows()
    const lanes = new Map<string, Lane>()
    const notified = new Map<string, Payload>()
    for (const write of writes) {
      const { route, options } = write
      if (route.queues) steps.push(bindStep(route.queues, null))
      const due = this.#dueOf(options)
      if (route.exchange !== '') {
        const lane = laneOf('', write.envelope.headers)
        if (lane) add(limited, write, due, route.routingKey, route.exchange, lane.name, limitsTextOf(lane))
        else add(routed, write, due, route.routingKey, route.exchange)
        continue
      }
      const lane = laneOf(route.routingKey, write.envelope.headers)
      if (lane) lanes.set(lane.name, lane)
      add(options?.transient ? transient : direct, write, due, lane?.name ?? route.routingKey)
      notified.set(route.routingKey, joined(notified.get(route.routingKey), payloadOf(due, lane)))
    }
    if (direct.length > 0) steps.push(SEND.step(direct))
    if (transient.length > 0) steps.push(SEND_TRANSIENT.step(transient))
    if (routed.length > 0) steps.push(SEND_ROUTED.step(routed))
    if (limited.length > 0) steps.push(SEND_ROUTED_LIMITED.step(limited))
    return [...steps, ...enteringSteps(lanes.values()), ...this.#notices.steps(notified)]
  }

  #dueOf({ notBefore }: PublishOptions = {}): number | null {
    return notBefore !== undefined && notBefore > this.#clock.now() ? Math.ceil(notBefore) : null
  }
}

function payloadOf(due: number | null, lane: Lane | undefined): Payload {
  if (due !== null) return 'd'
  return lane ? 'l' : ''
}

/** `queue`: or its lane, or the routing key; `more`: the cells of further columns. */
function add(
  rows: Rows,
  { envelope, gate }: MessageWrite,
  due: number | null,
  queue: string,
  ...more: readonly string[]
): void {
  const { head, ...packed } = packMessage(envelope)
  const [body, bytes] = columnsOf(packed)
  const rank = -(envelope.properties.priority ?? 0)
  rows.add(gate, queue, rank, due, calledTask(envelope), head, body, bytes, ...more)
}

/** A body as text and as bytes, one of which is null. PostgreSQL keeps no text with a zero character. */
export function columnsOf({ body }: Pick<PackedMessage, 'body'>): [string | null, Uint8Array | null] {
  if (typeof body !== 'string') return [null, body]
  return body.includes('\0') ? [null, Buffer.from(`${TEXT_MARK}${body}`)] : [body, null]
}

/** Before a text that is kept as bytes. No serialized value begins so. */
const TEXT_MARK = '\0text\0'

/** A message as it was written; `bytes` in PostgreSQL's form of bytes. */
export interface StoredMessage {
  readonly taskId: string | null
  readonly head: string
  readonly body: string | null
  readonly bytes: string | null
}

/** The envelope of a row. Throws SyntaxError where the head is no JSON. */
export function envelopeOf({ taskId, head, body, bytes }: StoredMessage): Envelope {
  return readMessage({ head, body: body ?? bodyOf(bytes ?? '\\x') }, taskId)
}

function bodyOf(bytes: string): string | Uint8Array {
  const body = Buffer.from(bytes.slice(2), 'hex')
  const isText = body.toString('latin1', 0, TEXT_MARK.length) === TEXT_MARK
  return isText ? body.toString('utf8', TEXT_MARK.length) : new Uint8Array(body)
}
