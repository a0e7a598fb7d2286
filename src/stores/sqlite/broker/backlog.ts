import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Backlog, dueSince, earliest, MAX_PRIORITIES, type QueueBacklog } from '../../../broker/backlog.ts'
import type { WaitingAmount } from '../../../broker/waitingCounts.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { type PackedMessage, readAnyMessage, readMessage } from '../../../protocol/packedMessage.ts'
import type { SqliteFile } from '../file.ts'

interface NextRow {
  readonly task_id: string | null
  readonly priority: number
  readonly head: string
}

/** In how many lanes of a queue the oldest message is looked for: those that were not served for the longest time. */
const MAX_LANES = 100

/** What lies in a file. */
export function readBacklog(db: DatabaseSync, queues: readonly string[]): Backlog {
  const count = (where: string): number =>
    (db.prepare(`SELECT count(*) AS n FROM celeriac_message WHERE ${where}`).get() as { n: number }).n
  return {
    queues: new Map(queues.map((queue) => [queue, queueBacklog(db, queue)])),
    delayed: count('due IS NOT NULL AND owner IS NULL'),
    // What is staged belongs to no consumer.
    held: count('owner IN (SELECT id FROM celeriac_consumer)'),
  }
}

/** SQL: what waits in a queue and its lanes. */
export const WAITING = `queue IN (SELECT ? UNION ALL SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0)
  AND owner IS NULL AND due IS NULL`
/** SQL: their bytes. Of what is long the length alone is read. */
export const BYTES = 'coalesce(sum(octet_length(head) + octet_length(body)), 0)'

/** How many messages wait in a queue and its lanes. */
export function sizeOf(db: DatabaseSync, queue: string): number {
  const size = db.prepare(`SELECT count(*) AS n FROM celeriac_message WHERE ${WAITING}`)
  return (size.get(queue, queue) as { n: number }).n
}

/** Messages of one read: some milliseconds. */
const PAGE_SIZE = 2000

/** SQL: of one priority of a queue or lane, from a place on. By the index. */
const PAGE = `SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes, max(seq) AS last FROM (
  SELECT seq, octet_length(head) + octet_length(body) AS bytes FROM celeriac_message
  WHERE queue = ? AND priority = ? AND seq > ? AND owner IS NULL AND due IS NULL ORDER BY seq LIMIT ${PAGE_SIZE})`
const NEXT_PRIORITY = `SELECT max(priority) AS priority FROM celeriac_message
  WHERE queue = ? AND priority < ? AND owner IS NULL AND due IS NULL`

/** How much waits in a queue and its lanes, in steps between which others are served. */
export async function amountIn(file: Pick<SqliteFile, 'db' | 'read'>, queue: string): Promise<WaitingAmount> {
  const [page, next] = [file.db.prepare(PAGE), file.db.prepare(NEXT_PRIORITY)]
  const lanes = file.db.prepare('SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0')
  const names = await file.read(() => lanes.all(queue) as unknown as { name: string }[])
  const all = { messages: 0, bytes: 0 }
  const add = async (name: string, priority: number): Promise<void> => {
    for (let [read, after] = [PAGE_SIZE, 0]; read === PAGE_SIZE; ) {
      const found = await file.read(
        () => page.get(name, priority, after) as unknown as WaitingAmount & { last: number },
      )
      all.messages += found.messages
      all.bytes += found.bytes
      ;[read, after] = [found.messages, found.last]
      await nextTurn()
    }
  }
  for (const name of [queue, ...names.map((lane) => lane.name)]) {
    for (let below = Number.MAX_SAFE_INTEGER; ; ) {
      const { priority } = await file.read(() => next.get(name, below) as { priority: number | null })
      if (priority === null) break
      await add(name, priority)
      below = priority
    }
  }
  return all
}

function queueBacklog(db: DatabaseSync, queue: string): QueueBacklog {
  const lanes = db
    .prepare(`SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0 ORDER BY open, turn LIMIT ${MAX_LANES}`)
    .all(queue) as unknown as { name: string }[]
  const oldest = [queue, ...lanes.map(({ name }) => name)].map((name) => oldestOf(db, name))
  return { waiting: sizeOf(db, queue), oldest: earliest(oldest) }
}

function oldestOf(db: DatabaseSync, name: string): number | undefined {
  const next = db.prepare(`SELECT task_id, priority, head FROM celeriac_message
    WHERE queue = ? AND owner IS NULL AND due IS NULL AND priority < ? ORDER BY priority DESC, seq LIMIT 1`)
  const moments: (number | undefined)[] = []
  for (let below = Number.MAX_SAFE_INTEGER; moments.length < MAX_PRIORITIES; ) {
    const row = next.get(name, below) as NextRow | undefined
    if (!row) break
    moments.push(dueSince(row.task_id, etaOf(row)))
    below = row.priority
  }
  return earliest(moments)
}

/** Of this queue or lane, those of its lowest priority. By the index. */
const OLDEST = `SELECT task_id FROM celeriac_message WHERE queue = :name AND owner IS NULL AND due IS NULL
  AND priority = (
    SELECT priority FROM celeriac_message WHERE queue = :name AND owner IS NULL AND due IS NULL ORDER BY priority LIMIT 1
  ) AND task_id IS NOT NULL ORDER BY seq LIMIT :count`

/** `Broker.oldest`. */
export function oldestIn(db: DatabaseSync, queue: string, count: number): readonly string[] {
  const oldest = db.prepare(OLDEST)
  const idsIn = (name: string, most: number): string[] =>
    (oldest.all({ name, count: most }) as unknown as { task_id: string }[]).map((row) => row.task_id)
  const ids = idsIn(queue, count)
  if (ids.length > 0) return ids
  const lanes = db.prepare(`SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0 ORDER BY open, turn, id`)
  for (const { name } of lanes.iterate(queue) as unknown as Iterable<{ name: string }>) {
    ids.push(...idsIn(name, count - ids.length))
    if (ids.length >= count) break
  }
  return ids
}

/** `Broker.peek`: by the index of those that wait. */
export function peekIn(db: DatabaseSync, queue: string, count: number): readonly Envelope[] {
  const next = db.prepare(`SELECT task_id, head, body FROM celeriac_message
    WHERE queue = ? AND owner IS NULL AND due IS NULL ORDER BY priority DESC, seq LIMIT ?`)
  const lanes = db.prepare(`SELECT name FROM celeriac_lane WHERE queue = ? AND messages > 0 ORDER BY open, turn, id`)
  const rowsOf = (name: string, most: number): Envelope[] =>
    (next.all(name, most) as unknown as (PackedMessage & { task_id: string | null })[]).map((row) =>
      readAnyMessage(row, row.task_id),
    )
  const found = rowsOf(queue, count)
  if (found.length >= count) return found
  for (const { name } of lanes.iterate(queue) as unknown as Iterable<{ name: string }>) {
    found.push(...rowsOf(name, count - found.length))
    if (found.length >= count) break
  }
  return found
}

/** The body is not read: of the head alone. */
function etaOf({ head, task_id }: NextRow): unknown {
  try {
    return readMessage({ head, body: '' }, task_id).headers.eta
  } catch {
    // A damaged row: the worker that takes it refuses it.
    return undefined
  }
}
