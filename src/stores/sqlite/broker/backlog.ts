import type { DatabaseSync } from 'node:sqlite'
import { type Backlog, dueSince, earliest, MAX_PRIORITIES, type QueueBacklog } from '../../../broker/backlog.ts'
import { readMessage } from '../../../protocol/packedMessage.ts'

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

/** A queue and its lanes. */
const QUEUE_AND_LANES = 'queue IN (SELECT ? UNION ALL SELECT name FROM celeriac_lane WHERE queue = ?)'

/** How many messages wait in a queue and its lanes. */
export function sizeOf(db: DatabaseSync, queue: string): number {
  const size = db.prepare(
    `SELECT count(*) AS n FROM celeriac_message WHERE ${QUEUE_AND_LANES} AND owner IS NULL AND due IS NULL`,
  )
  return (size.get(queue, queue) as { n: number }).n
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

/** The body is not read: of the head alone. */
function etaOf({ head, task_id }: NextRow): unknown {
  try {
    return readMessage({ head, body: '' }, task_id).headers.eta
  } catch {
    // A damaged row: the worker that takes it refuses it.
    return undefined
  }
}
