/*
 * Headers of ours for options of a call that its worker has to know and that Celery has no header for. Each is a whole
 * number; Python's Celery does not read them.
 */

/** What they say. */
export interface CallFacts {
  /** How long the record of the finished task is kept, ms; 0: for ever. */
  readonly resultExpires?: number | undefined
  /** No run begins after this moment, ms since the epoch. */
  readonly deadline?: number | undefined
  /** The version of the task's input. */
  readonly version?: number | undefined
}

const NAMES: Readonly<Record<keyof CallFacts, string>> = {
  resultExpires: 'celeriac_result_expires',
  deadline: 'celeriac_deadline',
  version: 'celeriac_version',
}

const ENTRIES = Object.entries(NAMES) as [fact: keyof CallFacts, name: string][]

/** Header of ours: when a worker first took the message that could not run it, ms since the epoch. */
export const FIRST_SEEN_HEADER = 'celeriac_first_seen'

/** Header of ours: where the arguments of the call are, which are too large for its message. */
export const PAYLOAD_HEADER = 'celeriac_payload'

/** The arguments of a message are in a payload store: what its body has is not its call. */
export function isOffloaded(headers: Headers): boolean {
  return (customHeader(headers, PAYLOAD_HEADER) ?? null) !== null
}

/** How a kept input begins that is in a payload store: no body of a message does. */
export const INPUT_ELSEWHERE: string = `${PAYLOAD_HEADER}:`

/** A kept input is in a payload store: this is where. */
export function isInputElsewhere(input: string | Uint8Array): input is string {
  return typeof input === 'string' && input.startsWith(INPUT_ELSEWHERE)
}

/** Header of ours: of a message that was a dead letter and was sent again, its deaths before, as JSON. */
export const DEATHS_HEADER = 'celeriac_deaths'

/** The latest moment of a Date, ms since the epoch, and a time that is as good as for ever. */
export const MOST = 8.64e15

type Headers = Readonly<Record<string, unknown>>

/** The custom headers of a message that has none: of most, so that nothing is looked up in them. */
export const NO_HEADERS: Headers = Object.freeze({})

/** A custom header; undefined where it is absent. */
export function customHeader(headers: Headers, name: string): unknown {
  return headers === NO_HEADERS ? undefined : headers[name]
}

/** The headers that say this; undefined where there is nothing to say. */
export function callHeaders(facts: CallFacts): Headers | undefined {
  const { resultExpires, deadline, version } = facts
  if (resultExpires === undefined && deadline === undefined && version === undefined) return undefined
  let headers: Record<string, unknown> | undefined
  for (const [fact, name] of ENTRIES) {
    const value = facts[fact]
    if (value !== undefined) headers = { ...headers, [name]: Math.ceil(Math.min(value, MOST)) }
  }
  return headers
}

/** The name of the header that says this. */
export function headerOf(fact: keyof CallFacts): string {
  return NAMES[fact]
}

/** One of them; undefined where it is absent, or is no whole number from 0 to `MOST`. */
export function callFact(headers: Headers, fact: keyof CallFacts): number | undefined {
  if (headers === NO_HEADERS) return undefined
  const value = headers[NAMES[fact]]
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST ? (value as number) : undefined
}
