import { createHash } from 'node:crypto'
import { LIMITS_HEADER, type LimitUse, readLimits } from '../protocol/limits.ts'

/*
 * A lane is where messages of a queue wait that have the same limits: a queue of its own in the store, behind the queue
 * that it belongs to. Its name is made of the limits and the queue, so that each process finds it without asking.
 */

/** The messages of one queue that have the same limits. */
export interface Lane {
  readonly name: string
  /** The queue that its messages belong to, and whose consumers take them. */
  readonly queue: string
  readonly limits: readonly LimitUse[]
}

/** The beginning of the name of each lane. */
export const LANE_PREFIX = 'celeriac.lane.'
/** Characters of the digest of its limits: 96 bits. */
const DIGEST_LENGTH = 16
/** Where the name of the queue begins in the name of its lane. */
export const LANE_QUEUE_START: number = LANE_PREFIX.length + DIGEST_LENGTH + 1

/** How many headers are kept with what was read of them. */
const MAX_KNOWN_HEADERS = 10_000

interface Read {
  readonly digest: string
  readonly limits: readonly LimitUse[]
}

const known = new Map<string, Read | undefined>()

/** Where a message with these headers waits in this queue; undefined where it has no limits. */
export function laneOf(queue: string, headers: Readonly<Record<string, unknown>>): Lane | undefined {
  const header = headers[LIMITS_HEADER]
  if (typeof header !== 'string') return undefined
  const read = readHeader(header)
  return read && { name: `${LANE_PREFIX}${read.digest}.${queue}`, queue, limits: read.limits }
}

/** The queue that this one belongs to, where it is a lane; else the queue itself. */
export function queueOfLane(name: string): string {
  return name.startsWith(LANE_PREFIX) ? name.slice(LANE_QUEUE_START) : name
}

/** How many messages of one lane a claim of many takes in its turn: a visit to a lane costs more than a message. */
export const MAX_OF_LANE = 8
/** How many lanes a claim visits beyond those that would do: a claim of few takes one of each. */
export const EXTRA_LANES = 4

/** How many lanes a claim of so many messages visits first: those of each are shared out evenly. */
export function lanesFor(places: number): number {
  return Math.min(places, Math.ceil(places / MAX_OF_LANE) + EXTRA_LANES)
}

/** It is the name of a lane. */
export function isLane(name: string): boolean {
  return name.startsWith(LANE_PREFIX)
}

function readHeader(header: string): Read | undefined {
  if (known.has(header)) return known.get(header)
  const limits = readLimits(header)
  const read = limits && { digest: digestOf(header), limits: sumOf(limits) }
  if (known.size >= MAX_KNOWN_HEADERS) known.clear()
  known.set(header, read)
  return read
}

/** One that is named twice is needed twice: of each limit the sum. */
function sumOf(limits: readonly LimitUse[]): readonly LimitUse[] {
  const sums = new Map<string, LimitUse>()
  for (const use of limits) {
    const name = JSON.stringify([use.rule, use.key])
    sums.set(name, { ...use, count: use.count + (sums.get(name)?.count ?? 0) })
  }
  return [...sums.values()]
}

function digestOf(header: string): string {
  return createHash('sha256').update(header).digest('base64url').slice(0, DIGEST_LENGTH)
}
