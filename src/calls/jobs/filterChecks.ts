import { parseRate } from '../../config/taskValues.ts'
import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, requireFlag, requireObject, requireText, shown } from '../../std/validate.ts'

/*
 * Checks of a call that goes through jobs by a filter. Each throws ArgumentError; `call` begins its message.
 */

/** Records of one page: what is done with them is done before the next page is read. */
export const PAGE_SIZE = 200
/** Jobs of one call, where none are named. */
export const DEFAULT_LIMIT = 1000
const MAX_LIMIT = 10_000

/** Only known names, and at least one of those that choose. */
export function requireChoice(
  call: string,
  filter: object,
  names: readonly string[],
  choosing: readonly string[] = names,
): void {
  requireObject(filter, call)
  const given = new Map(Object.entries(filter))
  const unknown = [...given.keys()].find((name) => !names.includes(name))
  if (unknown !== undefined || choosing.every((name) => given.get(name) === undefined))
    throw new ArgumentError(`${call}: expected one of ${choosing.join(', ')}, got ${unknown ?? 'none of them'}`)
}

/**
 * How it is done: these options alone, of which some are flags. With one that is not understood, as `dryrun`, all would
 * be done that was only to be listed.
 */
export function requireOptions(
  call: string,
  options: object,
  flags: readonly string[],
  others: readonly string[] = [],
): void {
  requireObject(options, `${call}: options`)
  refuseUnknown(options, new Set([...flags, ...others]), call)
  const given = new Map<string, unknown>(Object.entries(options))
  for (const flag of flags) if (given.get(flag) !== undefined) requireFlag(given.get(flag), `${call}: ${flag}`)
}

/** Time between two, ms; undefined: as fast as the store takes them, which no rate of 0 means. */
export function requireRate(call: string, rate: string | number | undefined): number | undefined {
  if (rate === undefined) return undefined
  const interval = parseRate(rate, `${call}: rate`)
  if (interval === undefined) throw new ArgumentError(`${call}: rate: expected more than 0, got ${shown(rate)}`)
  return interval
}

/** Texts that are given. An empty one is most often a variable that was not set. */
export function requireTexts(call: string, texts: Readonly<Record<string, unknown>>): void {
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) requireText(text, `${call}: ${name}`)
}

export function requireIds(call: string, ids: readonly string[] | undefined): void {
  if (ids === undefined) return
  if (!(Array.isArray(ids) && ids.length > 0 && ids.length <= MAX_LIMIT))
    throw new ArgumentError(`${call}: ids: expected a list of 1 to ${MAX_LIMIT} ids`)
  for (const id of ids) requireText(id, `${call}: ids`)
}

export function requireLimit(call: string, limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new ArgumentError(`${call}: limit: expected a whole number from 1 to ${MAX_LIMIT}, got ${shown(limit)}`)
}

/** Every job would fit what is no number. */
export function requireSince(call: string, since: number | undefined): void {
  if (since !== undefined && !Number.isFinite(since))
    throw new ArgumentError(`${call}: since: expected ms since the epoch, got ${shown(since)}`)
}
