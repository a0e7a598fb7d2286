import { isPriority } from '../../config/taskOptions.ts'
import { isoTime } from '../../protocol/iso.ts'
import { CeleriacError } from '../../std/errors.ts'
import { type DocumentPlace, placeIn, refusal } from './workflowRefusal.ts'

/** Most seconds of a time from now: some 30 years. */
const MAX_SECONDS = 1_000_000_000
/** Longest text of a moment. */
const MAX_MOMENT_CHARS = 64

/** What an option of a signature may be: a value that passes a test, or signatures. */
type OptionRule =
  | { readonly kind: 'value'; readonly expected: string; readonly isValid: (value: unknown) => boolean }
  | { readonly kind: 'signatures' }

/**
 * The options of a signature that a client may set. All others are refused: they would choose ids, owners, queues and
 * headers, or other limits than those of the task.
 */
const OPTION_RULES: ReadonlyMap<string, OptionRule> = new Map<string, OptionRule>([
  ['countdown', { kind: 'value', expected: `seconds from 0 to ${MAX_SECONDS}`, isValid: isSeconds }],
  ['eta', { kind: 'value', expected: 'a moment as ISO 8601', isValid: isMoment }],
  [
    'expires',
    {
      kind: 'value',
      expected: `seconds from 0 to ${MAX_SECONDS}, or a moment as ISO 8601`,
      isValid: (value) => isSeconds(value) || isMoment(value),
    },
  ],
  [
    'priority',
    {
      kind: 'value',
      expected: 'a whole number from 0 to 255',
      isValid: (value) => typeof value === 'number' && isPriority(value),
    },
  ],
  ['link', { kind: 'signatures' }],
  ['link_error', { kind: 'signatures' }],
])

/** Names of the options, for people and for the description of the API. */
export const WORKFLOW_OPTION_NAMES: readonly string[] = [...OPTION_RULES.keys()]

/**
 * The options of a signature, checked; null is as if it was absent. `readLinks` reads those that are signatures.
 * Throws WorkflowRefusal.
 */
export function readWorkflowOptions(
  options: Readonly<Record<string, unknown>>,
  place: DocumentPlace,
  readLinks: (value: unknown, place: DocumentPlace) => unknown,
): Readonly<Record<string, unknown>> {
  const read: [string, unknown][] = []
  for (const [name, value] of Object.entries(options)) {
    const at = placeIn(place, [name])
    const rule = OPTION_RULES.get(name)
    if (!rule) throw refusal(at, `this option cannot be set here; known are ${WORKFLOW_OPTION_NAMES.join(', ')}`)
    if (value === null) continue
    if (rule.kind === 'signatures') read.push([name, readLinks(value, at)])
    else if (rule.isValid(value)) read.push([name, value])
    else throw refusal(at, `expected ${rule.expected}`)
  }
  return Object.fromEntries(read)
}

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= MAX_SECONDS
}

function isMoment(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > MAX_MOMENT_CHARS) return false
  try {
    isoTime(value)
    return true
  } catch (error) {
    if (error instanceof CeleriacError) return false
    throw error
  }
}
