import { assertEncodable } from '../protocol/encoding.ts'
import type { Duration } from '../std/duration.ts'
import { ArgumentError } from '../std/errors.ts'
import { LINE_LEVELS, type LineLevel } from '../std/log.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import type { Schema } from '../std/schema.ts'
import { refuseUnknown, requireFunction, shown } from '../std/validate.ts'

/* Values of options of a task: their types, and how they are checked and parsed. */

/** Pools that a task may ask for. */
export type TaskPool = 'inline' | 'threads' | 'processes'

/** So many runs in a second, minute or hour. */
export type RateLimit = number | `${number}/${'s' | 'm' | 'h'}`

/** The option `params`. */
export type ParamsOption = readonly string[] | Readonly<Record<string, Schema>>

/** The option `upgrade`: `from` is the version of the input that it gets, at least 1. */
export type Upgrade = (input: unknown, from: number) => unknown

/** What a task is given, reports and returns, for people to see. */
export interface TaskExample {
  /** Its input object, or its list of arguments. */
  readonly input?: unknown | undefined
  readonly progress?: unknown | undefined
  readonly result?: unknown | undefined
}

/** A list of error classes. Throws ArgumentError. */
export function requireErrors(classes: unknown, where: string): void {
  const isError = (each: unknown): boolean =>
    typeof each === 'function' && (each === Error || each.prototype instanceof Error)
  if (Array.isArray(classes) && classes.every(isError)) return
  throw new ArgumentError(`${where}: expected a list of error classes, got ${shown(classes)}`)
}

const RATE_UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** Time between two runs, ms; undefined: none. Throws ArgumentError. */
export function parseRate(rate: unknown, where: string): number | undefined {
  const [, runs, unit = 's'] = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(String(rate)) ?? []
  if (!['number', 'string'].includes(typeof rate) || runs === undefined)
    throw new ArgumentError(
      `${where}: expected a number in a second, or text such as '10/s', '100/m', '1000/h', got ${shown(rate)}`,
    )
  return Number(runs) === 0 ? undefined : (RATE_UNITS[unit] as number) / Number(runs)
}

/** The level from which lines of the log are exposed; undefined: none is. Throws ArgumentError. */
export function exposedLevel(level: boolean | LineLevel, where: string): LineLevel | undefined {
  if (level === false) return undefined
  if (level === true) return 'info'
  if (LINE_LEVELS.includes(level)) return level
  throw new ArgumentError(`${where}: expected true, false or a level from debug to error, got ${shown(level)}`)
}

/** Throws ArgumentError, and EncodeError for what cannot be shown as JSON. */
export function parseExample<Example extends object>(example: Example, where: string): Example {
  refuseUnknown(example, new Set(['input', 'progress', 'result']), where)
  assertEncodable(example, 'example', 'json')
  return example
}

/** Ranges of media types: `type/subtype`, or `type/*`. */
export function parseAccepts(accepts: string | readonly string[], where: string): readonly string[] {
  const types = typeof accepts === 'string' ? [accepts] : accepts
  if (Array.isArray(types) && types.every((type) => /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/.test(type)))
    return types.map((type) => type.toLowerCase())
  throw new ArgumentError(`${where}: expected media types such as 'image/*', got ${shown(accepts)}`)
}

/** `type/subtype`, with parameters. */
export function contentTypeOf(type: unknown, where: string): string {
  if (
    typeof type === 'string' &&
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; *[\w-]+=(?:[\w.+-]+|"[^"\\\p{Cc}]*"))*$/u.test(type)
  )
    return type
  throw new ArgumentError(`${where}: expected a media type such as 'image/png', got ${shown(type)}`)
}

export function requireUpgrade(upgrade: unknown, where: string): void {
  if (typeof upgrade !== 'function') throw new ArgumentError(`${where}: expected a function, got ${shown(upgrade)}`)
}

/** Most items that one run may ask for. */
const MAX_BATCH_SIZE = 10_000
/** An item waits no longer than this for others, ms. */
const MAX_BATCH_WAIT_MS = 3_600_000

/** How calls of a task are gathered, so that one run gets a list of them. `Input`: the checked input of one call. */
export interface BatchOptions<Input = never> {
  // <BATCH_OPTIONS> written by `npm run docs:api` from the table below
  /** Most items that one run gets: 1 to 10,000. */
  size: number
  /** How long the first item waits for others, at most an hour; `0`: for what has arrived in the same moment. */
  wait: Duration
  /**
   * A run gets items of one key alone: `({ tenant }) => tenant`. Called in the worker, with the checked input. It
   * returns text of at most 255 bytes; an item for which it throws, or returns anything else, fails. Default: all items
   * of the task belong together.
   */
  key?: ((input: Input) => string) | undefined
  // </BATCH_OPTIONS>
}

/** The same, `wait` in ms. */
export interface ParsedBatch {
  readonly size: number
  readonly wait: number
  readonly key: ((input: never) => unknown) | undefined
}

export const BATCH_OPTIONS: OptionTable<BatchOptions, ParsedBatch> = {
  size: {
    kind: 'count',
    min: 1,
    max: MAX_BATCH_SIZE,
    required: true,
    doc: 'most items that one run gets: 1 to 10,000',
    celery: 'flush_every',
  },
  wait: {
    kind: 'duration',
    check: requireWait,
    required: true,
    doc: 'how long the first item waits for others, at most an hour; `0`: for what has arrived in the same moment',
    celery: 'flush_interval',
  },
  key: {
    kind: 'value',
    type: '(input: Input) => string',
    check: requireFunction,
    absent: 'all items of the task belong together',
    doc: 'a run gets items of one key alone: `({ tenant }) => tenant`',
    more: 'Called in the worker, with the checked input. It returns text of at most 255 bytes; an item for which it throws, or returns anything else, fails.',
  },
}

function requireWait(wait: number, where: string): void {
  if (wait <= MAX_BATCH_WAIT_MS) return
  throw new ArgumentError(`${where}: expected at most ${MAX_BATCH_WAIT_MS} ms, an hour, got ${wait}`)
}

/** Throws ArgumentError. */
export function parseBatch(batch: BatchOptions, where: string): ParsedBatch {
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch))
    throw new ArgumentError(`${where}: expected options such as { size: 100, wait: '500ms' }, got ${shown(batch)}`)
  const missing = (['size', 'wait'] as const).find((name) => batch[name] === undefined)
  if (missing !== undefined)
    throw new ArgumentError(`${where}: expected ${missing} as in { size: 100, wait: '500ms' }, got none`)
  return readOptions(BATCH_OPTIONS, batch, where, `${where}.`)
}

/** What a task needs beside `batch`: its items are held while they wait, and one run is of many of them. */
export function requireBatchable(
  { acksLate, rateLimit }: { readonly acksLate: boolean; readonly rateLimit: number | undefined },
  where: string,
): void {
  if (!acksLate) throw new ArgumentError(`${where}: expected acksLate: true beside it, got false`)
  if (rateLimit !== undefined)
    throw new ArgumentError(`${where}: expected no rateLimit beside it, got one: a run is of many calls`)
}
