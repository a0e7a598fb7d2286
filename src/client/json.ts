interface Source {
  readonly source?: string
}

const { rawJSON } = JSON as typeof JSON & { rawJSON?(text: string): unknown }
/** A run of digits that may be beyond 2^53. */
const LONG_INTEGER = /\d{16}/
const INTEGER = /^-?\d+$/

/**
 * JSON of an input. A bigint keeps all its digits where the platform can (else TypeError); Dates become text. `indent`:
 * in lines, each moved by so many spaces for each level.
 */
export function stringify(value: unknown, indent?: number): string {
  const carry = (_key: string, item: unknown): unknown =>
    typeof item === 'bigint' && rawJSON ? rawJSON(item.toString()) : item
  return JSON.stringify(value, carry, indent)
}

/** Parse JSON; an integer that a number cannot hold exactly is a bigint, where the platform shows its digits. */
export function parse(text: string): unknown {
  return LONG_INTEGER.test(text)
    ? JSON.parse(text, revive as (key: string, value: unknown) => unknown)
    : JSON.parse(text)
}

function revive(_key: string, value: unknown, { source }: Source = {}): unknown {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value
  return INTEGER.test(source) ? BigInt(source) : value
}
