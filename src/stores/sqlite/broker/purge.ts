import type { StatementSync } from 'node:sqlite'
import { MAX_PURGED_PARTS, type Purged } from '../../../broker/broker.ts'
import { queueOfLane } from '../../../broker/lane.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow } from '../window.ts'
import { envelopeOf, type Messages } from './messages.ts'

/** A message that was dropped; of one that may be part of a chord, all. */
interface DroppedRow {
  readonly task_id: string | null
  readonly head: string
  readonly body: string | Uint8Array | null
}

/** As `mayBePart`, by the body alone. */
const MAY_BE_PART = `(instr(body, '"chord":{') OR instr(body, '"chord": {') OR instr(body, x'A563686F7264'))`
const DROPPED = `task_id, head, CASE WHEN ${MAY_BE_PART} THEN body END AS body`

/** Of the messages that may be taken: the queue itself, which is before its first lane, or a lane. */
interface WaitingPlace {
  readonly lane: number
  readonly name: string
}

/** Position of a message among the delayed ones. */
interface DelayedPlace {
  readonly due: number
  readonly seq: number
}

interface DelayedRow extends DelayedPlace {
  readonly queue: string
}

/** One window. `next`: where the next one begins. */
interface PurgeStep {
  readonly dropped: readonly DroppedRow[]
  readonly next: WaitingPlace | DelayedPlace | undefined
}

/** Drops the messages of a queue that wait, with those of its lanes, and then those that are delayed. */
export class Purge {
  readonly #file: SqliteFile
  readonly #messages: Messages
  readonly #queue: string
  readonly #dropWaiting: StatementSync
  readonly #nextLane: StatementSync
  readonly #delayed: StatementSync
  readonly #dropDelayed: StatementSync

  constructor(file: SqliteFile, messages: Messages, queue: string) {
    const { db } = file
    this.#file = file
    this.#messages = messages
    this.#queue = queue
    this.#dropWaiting = db.prepare(`DELETE FROM celeriac_message WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL LIMIT ? + 0
    ) RETURNING ${DROPPED}`)
    // By id: that order stays the same while messages are dropped.
    this.#nextLane = db.prepare(
      'SELECT id AS lane, name FROM celeriac_lane WHERE +queue = ? AND id > ? AND messages > 0 ORDER BY id LIMIT 1',
    )
    this.#delayed = db.prepare(`SELECT seq, due, queue FROM celeriac_message
      WHERE due IS NOT NULL AND owner IS NULL AND (due, seq) > (?, ?) ORDER BY due, seq LIMIT ? + 0`)
    this.#dropDelayed = db.prepare(
      `DELETE FROM celeriac_message WHERE seq = ? AND due IS NOT NULL RETURNING ${DROPPED}`,
    )
  }

  async run(): Promise<Purged> {
    const taskIds: string[] = []
    const parts: Envelope[] = []
    let count = 0
    for (let place: PurgeStep['next'] = { lane: 0, name: this.#queue }; place; ) {
      const from: WaitingPlace | DelayedPlace = place
      const { dropped, next }: PurgeStep = await this.#file.writer.write(() => this.#step(from))
      count += dropped.length
      for (const row of dropped) {
        if (row.task_id !== null) taskIds.push(row.task_id)
        const { body } = row
        if (body !== null && parts.length < MAX_PURGED_PARTS) parts.push(envelopeOf({ ...row, body }))
      }
      place = next
    }
    return { count, taskIds, parts }
  }

  #step(place: WaitingPlace | DelayedPlace): PurgeStep {
    return 'name' in place ? this.#purgeWaiting(place) : this.#purgeDelayed(place)
  }

  #purgeWaiting(from: WaitingPlace): PurgeStep {
    const dropped: DroppedRow[] = []
    let place: WaitingPlace | undefined = from
    const more = changeWindow((limit) => {
      let left = limit
      while (place && left > 0) {
        const rows = this.#dropWaiting.all(place.name, left) as unknown as DroppedRow[]
        for (const row of rows) dropped.push(row)
        left -= rows.length
        if (left > 0) {
          this.#messages.left(place.name)
          place = this.#nextLane.get(this.#queue, place.lane) as WaitingPlace | undefined
        }
      }
      return limit - left
    })
    return { dropped, next: more && place ? place : { due: 0, seq: 0 } }
  }

  #purgeDelayed(from: DelayedPlace): PurgeStep {
    const dropped: DroppedRow[] = []
    let next = from
    const more = changeWindow((limit) => {
      const rows = this.#delayed.all(next.due, next.seq, limit) as unknown as DelayedRow[]
      for (const { seq } of rows.filter(({ queue }) => queueOfLane(queue) === this.#queue)) {
        for (const row of this.#dropDelayed.all(seq) as unknown as DroppedRow[]) dropped.push(row)
      }
      next = rows.at(-1) ?? next
      return rows.length
    })
    return { dropped, next: more ? next : undefined }
  }
}
