import type { TaskPool } from '../config/taskValues.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { type OptionTable, readGiven } from '../std/optionTable.ts'
import { requireText, shown } from '../std/validate.ts'

/** Between which sizes a pool scales itself: tasks at once. */
export interface Autoscale {
  readonly max: number
  readonly min: number
}

/** Largest number of threads or processes of a pool: they take some 35 and 90 GB of memory. */
export const MAX_CHILDREN = 1024

const SIZE = { kind: 'count', min: 1, absent: 'the default of the pool', doc: 'tasks at once' } as const
const TASK_POOL_SIZES: OptionTable<Partial<Record<TaskPool, number>>> = { inline: SIZE, threads: SIZE, processes: SIZE }

const CHILDREN = { kind: 'count', min: 1, max: MAX_CHILDREN, required: true, doc: 'tasks at once' } as const
const AUTOSCALE: OptionTable<Autoscale> = { max: CHILDREN, min: CHILDREN }

/** Throws ArgumentError. */
export function parseTaskPools(
  pools: Partial<Record<TaskPool, number>>,
  where: string,
): Partial<Record<TaskPool, number>> {
  return readGiven(TASK_POOL_SIZES, pools, where)
}

/** Throws ArgumentError. */
export function parseAutoscale(given: Autoscale, where: string): Autoscale {
  const { max, min } = readGiven<Partial<Autoscale>, Partial<Autoscale>>(AUTOSCALE, given, where)
  if (max === undefined || min === undefined)
    throw new ArgumentError(`${where}: expected max and min, as { max: 10, min: 2 }, got ${shown(given)}`)
  if (max < min) throw new ArgumentError(`${where}: expected max >= min, got max ${max} and min ${min}`)
  return { max, min }
}

/** Throws ArgumentError for a size that the pool cannot have. */
export function requireSize(kind: string, size: number, max: number): void {
  if (!(Number.isInteger(size) && size >= 1 && size <= max))
    throw new ArgumentError(`pool ${kind}: expected a size from 1 to ${max}, got ${shown(size)}`)
}

/** Throws ArgumentError for what is no share of the time. */
export function requireShare(share: unknown, where: string): void {
  if (typeof share === 'number' && share > 0 && share < 1) return
  throw new ArgumentError(`${where}: expected a number between 0 and 1, as 0.95, got ${shown(share)}`)
}

/** Throws ArgumentError for what is no list of names. */
export function requireQueues(queues: unknown, where: string): void {
  if (!Array.isArray(queues) || queues.length === 0)
    throw new ArgumentError(`${where}: expected a list of at least one, got ${shown(queues)}`)
  for (const queue of queues) requireText(queue, where)
}

const MAX_WEIGHT = 100

/** Queues with their weights: of a list each has 1. Throws ArgumentError. */
export function parseWeights(
  queues: readonly string[] | Readonly<Record<string, number>>,
  where: string,
): ReadonlyMap<string, number> {
  if (!isRecord(queues)) {
    requireQueues(queues, where)
    return new Map((queues as readonly string[]).map((queue) => [queue, 1]))
  }
  const entries = Object.entries(queues)
  if (entries.length === 0) throw new ArgumentError(`${where}: expected weights of at least one queue, got {}`)
  for (const [queue, weight] of entries) {
    requireText(queue, where)
    if (typeof weight === 'number' && weight > 0 && weight <= MAX_WEIGHT) continue
    throw new ArgumentError(
      `${where}: expected a weight above 0 and at most ${MAX_WEIGHT} for ${queue}, got ${shown(weight)}`,
    )
  }
  return new Map(entries as readonly [string, number][])
}
