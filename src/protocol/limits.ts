/*
 * Header of ours: what a message needs before it may be taken, as JSON text, `[[rule, key, count], …]`. It is fixed
 * when the message is submitted and goes along with every copy of it: a retry has the limits of its first attempt.
 * Python's Celery does not read it.
 */

/** Its name. */
export const LIMITS_HEADER = 'celeriac_limits'

/** Something of which there is a limited amount: a rule, and a key where each key has its own. */
export interface LimitName {
  /** As `task:mail.send`, `github`: see `LimitRule`. */
  readonly rule: string
  /** Empty: it has no keys. */
  readonly key: string
}

/** So much of it is needed by one message. */
export interface LimitUse extends LimitName {
  /** Whole, at least 1. */
  readonly count: number
}

/** How many limits one message may have. */
export const MAX_LIMITS = 16
/** Length of the name of a rule, and of a key, bytes of UTF-8. */
export const MAX_LIMIT_NAME_BYTES = 255
/** How much of one limit a message may need. */
export const MAX_LIMIT_COUNT = 10_000
/** A longer header is not of ours, characters. */
const MAX_HEADER_LENGTH = MAX_LIMITS * (2 * MAX_LIMIT_NAME_BYTES * 6 + 20)

/** The text of the header. Two messages with the same limits, in the same order, have the same text. */
export function limitsHeader(uses: readonly LimitUse[]): string {
  return JSON.stringify(uses.map(({ rule, key, count }) => [rule, key, count]))
}

/** Reads the header; undefined for anything else, and for no limits. */
export function readLimits(header: unknown): readonly LimitUse[] | undefined {
  if (typeof header !== 'string' || header.length > MAX_HEADER_LENGTH) return undefined
  try {
    const list: unknown = JSON.parse(header)
    if (!Array.isArray(list) || list.length === 0 || list.length > MAX_LIMITS) return undefined
    const uses = list.map(useOf)
    return uses.every((use) => use !== undefined) ? uses : undefined
  } catch {
    // From outside: a header that is no JSON limits nothing.
    return undefined
  }
}

function useOf(entry: unknown): LimitUse | undefined {
  if (!Array.isArray(entry)) return undefined
  const [rule, key, count] = entry as unknown[]
  const isCount = Number.isInteger(count) && (count as number) >= 1 && (count as number) <= MAX_LIMIT_COUNT
  if (!isName(rule) || rule === '' || !isName(key) || !isCount) return undefined
  return { rule, key, count: count as number }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= MAX_LIMIT_NAME_BYTES
}
