import type { DatabaseSync } from 'node:sqlite'
import { type Backlog, dueSince, earliest, MAX_PRIORITIES, type QueueBacklog } from '../../../broker/backlog.ts'
import { readMessage } from '../../../protocol/packedMessage.ts'

interface NextRow {
  readonly task_id: string | null
  readonly priority: number
  readonly head: string
}

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

function queueBacklog(db: DatabaseSync, queue: string): QueueBacklog {
  const size = db.prepare(
    'SELECT count(*) AS n FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL',
  )
  const next = db.prepare(`SELECT task_id, priority, head FROM celeriac_message
    WHERE queue = ? AND owner IS NULL AND due IS NULL AND priority < ? ORDER BY priority DESC, seq LIMIT 1`)
  const moments: (number | undefined)[] = []
  for (let below = Number.MAX_SAFE_INTEGER; moments.length < MAX_PRIORITIES; ) {
    const row = next.get(queue, below) as NextRow | undefined
    if (!row) break
    moments.push(dueSince(row.task_id, etaOf(row)))
    below = row.priority
  }
  return { waiting: (size.get(queue) as { n: number }).n, oldest: earliest(moments) }
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
