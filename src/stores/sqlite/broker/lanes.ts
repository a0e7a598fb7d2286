import { type Lane, lanesFor } from '../../../broker/lane.ts'
import { passing, take } from '../../../broker/limiter.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Connection } from '../file.ts'
import { FIND_TRIGGER, LANE_TRIGGERS, limitersOfLane, RENEW_TRIGGER, returnSql } from '../limitSchema.ts'
import { LIMIT_VERSION } from '../migrations.ts'
import { LaneWaker } from './laneWaker.ts'
import { JOIN_RULE, type KeptLimiter, LIMITER_COLUMNS, type LimiterRow, limiterOf, wakeAt } from './limiterRows.ts'

/** How many lanes are read at once at most. */
const MAX_READ_LANES = 64
/** How many lanes one claim looks at: the next one goes on. */
const MAX_LOOKED_LANES = 256

/** What a lane needs of one limit. */
interface Need {
  readonly limiter: KeptLimiter
  readonly count: number
  /** A lane of the same queue that comes before is blocked by this limit. */
  readonly behind: boolean
}

interface OpenLane {
  readonly id: number
  readonly name: string
  readonly turn: number
  /** By which limit it was woken. */
  readonly woken: number | null
  readonly needs: Need[]
}

interface OpenRow extends LimiterRow {
  readonly lane: number
  readonly name: string
  readonly turn: number
  readonly woken: number | null
  readonly count: number
  readonly behind: number
}

/** Which limit stops a lane, and from when on it may let it through. */
interface Block {
  readonly limiter: KeptLimiter
  readonly from: number
}

/** One pass over the open lanes of a queue. */
interface Pass {
  readonly queue: string
  readonly now: number
  /** The last turn of any lane. */
  turn: number
  /** By id, as this pass has changed them. */
  readonly limiters: Map<number, KeptLimiter>
  /** Those that block a lane of this queue that comes before. */
  readonly blocking: Set<number>
}

/** Claims messages of a lane, at most `limit`. */
export type ClaimFromLane<Row> = (lane: string, limit: number) => readonly Row[]

/**
 * The lanes of a file: where messages with limits wait. Triggers open them, and return to their limits what is not held
 * any more (limitSchema.ts); here consumers take from them what their limits let pass. Each method but `next` and
 * `hasOpen` is for use inside a transaction: a file has one writer, so nothing changes meanwhile.
 */
export class Lanes {
  /** The file has limits, or lanes: as of the last look, or by a message of this process. */
  active = false
  readonly #connection: Connection
  readonly #clock: Clock
  #prepared: Statements | undefined
  /** How many messages of each lane this transaction has settled and not returned; undefined: triggers return them. */
  #settled: Map<string, number> | undefined
  /** The file has the trigger that leaves to this process what it settles. */
  #isRenewed = false

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
  }

  /** A message is added to this lane in the same transaction. */
  enter({ name, queue, limits }: Lane): void {
    const { addLane, addLimiter, addNeed } = this.#statements
    this.active = true
    const added = addLane.run(name, queue)
    if (added.changes !== 1) return
    this.#prepareFile()
    for (const { rule, key, count } of limits) {
      addLimiter.run(rule, key)
      addNeed.run(added.lastInsertRowid, count, rule, key)
    }
  }

  /**
   * From now on earlier versions do not use the file: they would move messages out of their lanes. Before the first
   * message there is nothing to count.
   */
  #prepareFile(): void {
    if (Number(this.#statements.addTurn.run().changes) !== 1) return
    this.#connection.require(LIMIT_VERSION)
    this.#connection.db.exec(LANE_TRIGGERS)
  }

  /** A message of this lane was taken out of turn, whatever its limits. */
  hold(name: string): void {
    this.#statements.hold.run(name)
    this.unblock(name)
  }

  /**
   * A message of this lane is settled: `remove` deletes it, and returns true where it was still held. Triggers leave it
   * alone. What it returns to its limits is written with that of all others of its lane, at the end of the transaction,
   * or before it claims.
   */
  settle(name: string, remove: () => boolean): boolean {
    this.#settled ??= this.#countSettled()
    if (!remove()) return false
    this.#settled.set(name, (this.#settled.get(name) ?? 0) + 1)
    return true
  }

  #countSettled(): Map<string, number> {
    const { findTrigger, countSettled } = this.#statements
    const isRenewed = this.#isRenewed || findTrigger.get() !== undefined
    if (!isRenewed) this.#connection.db.exec(RENEW_TRIGGER)
    countSettled.run()
    this.#connection.atEnd((isCommit) => {
      if (isCommit) this.#returnSettled()
      this.#settled = undefined
      this.#isRenewed = isRenewed
    })
    return new Map()
  }

  #returnSettled(): void {
    if (!this.#settled) return
    const { leave, giveBack, countSettled } = this.#statements
    for (const [name, messages] of this.#settled) {
      leave.run(messages, name)
      giveBack.run(messages, name)
    }
    this.#settled = undefined
    countSettled.run()
  }

  /** Messages were taken out of this lane: one without any that waits does not stay before others of its limit. */
  unblock(name: string): void {
    const { passOn, unblock } = this.#statements
    passOn.run(name, name)
    unblock.run(name, name)
  }

  /** When lanes are to be woken next, ms since the epoch, now or later; undefined where none waits for time. */
  next(): number | undefined {
    return this.#statements.waker.next(this.#clock.now())
  }

  /** A claim may find messages in a lane of this queue. */
  hasOpen(queue: string): boolean {
    return this.#statements.hasOpen.get(queue) !== undefined
  }

  /** Claim up to `places` messages of the lanes of a queue: of each in its turn a share of what its limits let pass. */
  claim<Row>(queue: string, places: number, claim: ClaimFromLane<Row>): Row[] {
    const rows: Row[] = []
    const now = this.#clock.now()
    this.#returnSettled()
    // If those that come first are blocked, more are read the next time.
    for (let looked = 0, factor = 1; rows.length < places && looked < MAX_LOOKED_LANES; factor *= 2) {
      const { last, at } = (this.#statements.turn.get() ?? { last: 0, at: 0 }) as { last: number; at: number }
      this.#statements.waker.wake(now, at)
      const free = places - rows.length
      const pass: Pass = { queue, now, turn: last, limiters: new Map(), blocking: new Set() }
      const lanes = this.#openLanes(pass, Math.min(lanesFor(free) * factor, MAX_READ_LANES))
      if (lanes.length === 0) break
      looked += lanes.length
      for (const lane of lanes) {
        if (rows.length === places) break
        const share = Math.min(Math.ceil(free / lanes.length), places - rows.length)
        for (const row of this.#serve(lane, pass, share, claim)) rows.push(row)
      }
      this.#save(pass)
    }
    return rows
  }

  #openLanes(pass: Pass, limit: number): OpenLane[] {
    const lanes: OpenLane[] = []
    for (const row of this.#statements.open.all(pass.queue, pass.queue, limit) as unknown as OpenRow[]) {
      let lane = lanes.at(-1)
      if (lane?.id !== row.lane) {
        lane = { id: row.lane, name: row.name, turn: row.turn, woken: row.woken, needs: [] }
        lanes.push(lane)
      }
      const limiter = pass.limiters.get(row.id) ?? limiterOf(row)
      pass.limiters.set(row.id, limiter)
      lane.needs.push({ limiter, count: row.count, behind: row.behind === 1 })
    }
    return lanes
  }

  /** Take what passes of a lane, at most `limit`, and note what becomes of it. */
  #serve<Row>(lane: OpenLane, pass: Pass, limit: number, claim: ClaimFromLane<Row>): readonly Row[] {
    const { setLane, ready } = this.#statements
    const { id, name, needs } = lane
    const before = blockOf(lane, pass)
    const rows = before ? [] : claim(name, Math.min(limit, ...needs.map((need) => messagesOf(need, pass))))
    for (const { limiter, count } of needs) {
      if (rows.length > 0) take(limiter, limiter.rule, rows.length, count, pass.now)
    }
    if (rows.length > 0) pass.turn++
    const turn = rows.length > 0 ? pass.turn : lane.turn
    // Also where its limits would stop it: an empty lane stays before no other.
    const isEmpty = ready.get(name) === undefined
    const block = isEmpty ? undefined : (before ?? blockOf(lane, pass))
    setLane.run(turn, Number(!isEmpty && !block), block?.limiter.id ?? null, id)
    if (block) noteBlock(block, pass)
    if (before && block) pass.blocking.add(before.limiter.id)
    this.#passOn(lane, pass)
    return rows
  }

  /** A lane that was woken has been looked at: its limit may let through another one that it blocks. */
  #passOn({ woken }: OpenLane, pass: Pass): void {
    const limiter = woken === null ? undefined : pass.limiters.get(woken)
    if (!limiter || this.#statements.isBlocking.get(limiter.id, pass.queue) === undefined) return
    const { messages, from } = passing(limiter, limiter.rule, 1, pass.now)
    if (messages > 0) limiter.wake = 0
    else noteBlock({ limiter, from }, pass)
  }

  #save({ limiters, turn, now }: Pass): void {
    const { setLimiter, setTurn } = this.#statements
    for (const { id, full, held, until, since, wake, waits, row } of limiters.values()) {
      const isTaken = held !== row.held || full !== row.full
      const isChanged = isTaken || wake !== row.wake || Number(waits) !== row.waits || since !== row.since
      if (isChanged) setLimiter.run(full, held, until, since, wake, Number(waits), id)
    }
    setTurn.run(turn, now)
  }

  get #statements(): Statements {
    this.#prepared ??= prepare(this.#connection)
    return this.#prepared
  }
}

function messagesOf({ limiter, count }: Need, { now }: Pass): number {
  return passing(limiter, limiter.rule, count, now).messages
}

/** The limit that stops a lane for the longest time; undefined where all let it through. */
function blockOf({ needs }: OpenLane, { now, blocking }: Pass): Block | undefined {
  let block: Block | undefined
  for (const { limiter, count, behind } of needs) {
    const { messages, from } = passing(limiter, limiter.rule, count, now)
    // In its turn: a lane that needs more than there is would be passed for ever by those that need less.
    const isBehind = behind || blocking.has(limiter.id)
    if (messages > 0 && !isBehind) continue
    const found = { limiter, from: messages > 0 ? Number.POSITIVE_INFINITY : from }
    if (!block || found.from > block.from) block = found
  }
  return block
}

/** When the limit is looked at again. */
function noteBlock({ limiter, from }: Block, { now }: Pass): void {
  if (Number.isFinite(from)) limiter.wake = Math.min(limiter.wake ?? Number.POSITIVE_INFINITY, wakeAt(from, now))
  else if (!limiter.paused) limiter.waits = true
}

const IS_BLOCKED_EMPTY = `open = 0 AND limiter IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL)`

type Statements = ReturnType<typeof prepare>

function prepare(connection: Connection) {
  const { db } = connection
  return {
    waker: new LaneWaker(connection),
    addLane: db.prepare('INSERT INTO celeriac_lane (name, queue) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    addLimiter: db.prepare('INSERT INTO celeriac_limiter (rule, key) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    addNeed: db.prepare(`INSERT INTO celeriac_lane_limit (lane, limiter, count)
      SELECT ?, id, ? FROM celeriac_limiter WHERE rule = ? AND key = ?`),
    addTurn: db.prepare('INSERT INTO celeriac_turn SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM celeriac_turn)'),
    turn: db.prepare('SELECT last, at FROM celeriac_turn'),
    setTurn: db.prepare('UPDATE celeriac_turn SET last = ?, at = ?'),
    hasOpen: db.prepare('SELECT 1 FROM celeriac_lane WHERE queue = ? AND open = 1 LIMIT 1'),
    open: db.prepare(`SELECT lane.id AS lane, lane.name, lane.turn, lane.limiter AS woken, need.count, ${LIMITER_COLUMNS},
        EXISTS (SELECT 1 FROM celeriac_lane AS other WHERE other.limiter = limiter.id AND other.queue = ?
          AND other.open = 0 AND other.turn < lane.turn) AS behind
      FROM (SELECT id, name, turn, limiter FROM celeriac_lane WHERE queue = ? AND open = 1 ORDER BY turn LIMIT ? + 0) AS lane
      CROSS JOIN celeriac_lane_limit AS need ON need.lane = lane.id
      CROSS JOIN celeriac_limiter AS limiter ON limiter.id = need.limiter
      ${JOIN_RULE} ORDER BY lane.turn`),
    findTrigger: db.prepare(FIND_TRIGGER),
    // Between two of them triggers return nothing of what is settled.
    countSettled: db.prepare('UPDATE celeriac_turn SET at = -1 - at'),
    leave: db.prepare('UPDATE celeriac_lane SET messages = messages - ? WHERE name = ?'),
    giveBack: db.prepare(returnSql('?', '?')),
    hold: db.prepare(`UPDATE celeriac_limiter SET held = held + need.count ${limitersOfLane('?')}`),
    passOn: db.prepare(`UPDATE celeriac_limiter SET wake = 0
      WHERE id = (SELECT limiter FROM celeriac_lane WHERE name = ? AND ${IS_BLOCKED_EMPTY})`),
    unblock: db.prepare(`UPDATE celeriac_lane SET limiter = NULL WHERE name = ? AND ${IS_BLOCKED_EMPTY}`),
    ready: db.prepare('SELECT 1 FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL LIMIT 1'),
    setLane: db.prepare('UPDATE celeriac_lane SET turn = ?, open = ?, limiter = ? WHERE id = ?'),
    isBlocking: db.prepare('SELECT 1 FROM celeriac_lane WHERE limiter = ? AND queue = ? AND open = 0 LIMIT 1'),
    setLimiter: db.prepare(
      'UPDATE celeriac_limiter SET full = ?, held = ?, until = ?, since = ?, wake = ?, waits = ? WHERE id = ?',
    ),
  }
}
