import type { StatementSync } from 'node:sqlite'
import type { ChangedMessage, FoundMessage, MessageChange } from '../../../broker/broker.ts'
import { LANE_QUEUE_START, queueOfLane } from '../../../broker/lane.ts'
import { edited } from '../../../protocol/messageEdit.ts'
import { packMessage } from '../../../protocol/packedMessage.ts'
import type { Clock } from '../../../std/clock.ts'
import type { SqliteFile } from '../file.ts'
import { isLaneSql } from '../limitSchema.ts'
import { envelopeOf, type Messages } from './messages.ts'

interface Row {
  readonly seq: number
  readonly queue: string
  readonly priority: number
  readonly due: number | null
  readonly owner: number | null
  readonly lost: number
  readonly task_id: string | null
  readonly head: string
  readonly body: string | Uint8Array
  readonly holder: string | null
  readonly lease_until: number | null
}

/** The message of one task: where it is, and its changes while it waits. */
export class WaitingMessages {
  readonly #file: SqliteFile
  readonly #messages: Messages
  readonly #clock: Clock
  #prepared: { readonly find: StatementSync; readonly change: StatementSync } | undefined

  constructor(file: SqliteFile, messages: Messages, clock: Clock) {
    this.#file = file
    this.#messages = messages
    this.#clock = clock
  }

  find(taskId: string, queue: string): FoundMessage | undefined {
    const row = this.#find(taskId, queue)
    return row && foundOf(row)
  }

  /** Inside a transaction of the file's writer. */
  change(taskId: string, queue: string, change: MessageChange): boolean {
    const row = this.#find(taskId, queue)
    if (!row || row.owner !== null) return false
    const changed = change(foundOf(row))
    if (changed) this.#write(row, changed)
    return true
  }

  #write(row: Row, { queue = queueOfLane(row.queue), notBefore, ...edit }: ChangedMessage): void {
    const envelope = edited(envelopeOf(row), edit)
    const { head, body } = packMessage(envelope)
    const later = notBefore !== undefined && notBefore > this.#clock.now() ? Math.ceil(notBefore) : null
    const due = notBefore === undefined ? row.due : later
    const place = this.#messages.place(queue, envelope)
    this.#statements.change.run(place, edit.priority ?? row.priority, due, head, body, row.seq)
    this.#messages.left(row.queue)
    this.#file.touch('messages')
  }

  /** One that waits before one that is held: a message that was sent twice. */
  #find(taskId: string, queue: string): Row | undefined {
    return this.#statements.find.get(taskId, queue, queue) as Row | undefined
  }

  /** Few processes change messages. */
  get #statements() {
    const { db } = this.#file
    this.#prepared ??= {
      find: db.prepare(`SELECT seq, queue, priority, due, owner, lost, task_id, head, body, name AS holder, lease_until
        FROM celeriac_message LEFT JOIN celeriac_consumer ON celeriac_consumer.id = celeriac_message.owner
        WHERE task_id = ? AND (queue = ? OR due IS NOT NULL OR owner IS NOT NULL
          OR (${isLaneSql('queue')} AND substr(queue, ${LANE_QUEUE_START + 1}) = ?))
        ORDER BY owner IS NOT NULL, seq LIMIT 1`),
      change: db.prepare(
        'UPDATE celeriac_message SET queue = ?, priority = ?, due = ?, head = ?, body = ? WHERE seq = ?',
      ),
    }
    return this.#prepared
  }
}

function foundOf(row: Row): FoundMessage {
  const { due, owner, lost, holder, lease_until: ends } = row
  const common = { envelope: envelopeOf(row), queue: queueOfLane(row.queue), lost }
  if (owner !== null) return { ...common, place: 'held', holder: holder ?? undefined, leaseEnds: ends ?? undefined }
  return due === null ? { ...common, place: 'waiting' } : { ...common, place: 'delayed', due }
}
