import type { Duration } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type OptionTable, readOptions } from '../../std/optionTable.ts'
import { requireFunction, shown } from '../../std/validate.ts'

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
  { acksLate, rateLimit }: { readonly acksLate: boolean; readonly rateLimit: unknown },
  where: string,
): void {
  if (!acksLate) throw new ArgumentError(`${where}: expected acksLate: true beside it, got false`)
  if (typeof rateLimit === 'number')
    throw new ArgumentError(
      `${where}: expected no rateLimit of each worker beside it, got one: a run is of many calls; { limit } is of all workers`,
    )
}
