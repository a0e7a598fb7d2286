/**
 * What a client would rather have (RFC 7240). A preference is never a reason to refuse: what cannot be read or is not
 * known is left out.
 */
export interface Preferences {
  /** How long the answer may take, s, as it was asked for. */
  readonly wait: number | undefined
  readonly respondAsync: boolean
}

const NO_PREFERENCES: Preferences = { wait: undefined, respondAsync: false }
/** Longest header that is read, and longest wait that the server grants, s. */
const MAX_HEADER_LENGTH = 1000
const MAX_WAIT_S = 30

const TOKEN = "[!#$%&'*+.^_`|~\\w-]+"
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"'
// Each space has but one place in it, so that no text makes the matcher try many ways.
const PAIR = `(${TOKEN})(?:[ \\t]*=(?:[ \\t]*(${TOKEN}|${QUOTED}))?)?`
const PARAMETER = `[ \\t]*;(?:[ \\t]*${TOKEN}(?:[ \\t]*=(?:[ \\t]*(?:${TOKEN}|${QUOTED}))?)?)?`
/** One preference with its parameters (none of ours has any), up to the next. */
const PREFERENCE = new RegExp(`[ \\t]*${PAIR}(?:${PARAMETER})*[ \\t]*(?:,|$)`, 'y')

/** Read `Prefer`, of one or of many lines. Of a preference that is given twice the first counts (RFC 7240 §2). */
export function parsePrefer(header: string | null | undefined): Preferences {
  if (header === null || header === undefined || header === '' || header.length > MAX_HEADER_LENGTH)
    return NO_PREFERENCES
  const found = new Map<string, string>()
  PREFERENCE.lastIndex = 0
  while (PREFERENCE.lastIndex < header.length) {
    const start = PREFERENCE.lastIndex
    const match = PREFERENCE.exec(header)
    if (match) {
      const [, name = '', value = ''] = match
      const key = name.toLowerCase()
      if (!found.has(key)) found.set(key, unquote(value))
    } else {
      // Not readable, or an empty element: on with the next.
      const comma = header.indexOf(',', start)
      if (comma === -1) break
      PREFERENCE.lastIndex = comma + 1
    }
  }
  const wait = found.get('wait') ?? ''
  return {
    wait: /^\d{1,9}$/.test(wait) ? Number(wait) : undefined,
    // With a value it is another preference.
    respondAsync: found.get('respond-async') === '',
  }
}

/** The wait that is granted, s: at most 30. */
export function grantedWait({ wait }: Preferences): number | undefined {
  return wait === undefined ? undefined : Math.min(wait, MAX_WAIT_S)
}

/**
 * `Preference-Applied` of these preferences, in the order of the standard's examples; undefined where none was applied.
 */
export function preferenceApplied(wait: number | undefined, respondAsync: boolean): string | undefined {
  const applied = [...(respondAsync ? ['respond-async'] : []), ...(wait === undefined ? [] : [`wait=${wait}`])]
  return applied.length === 0 ? undefined : applied.join(', ')
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
