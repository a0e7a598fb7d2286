import { isPriority } from '../../config/task/taskTable.ts'
import { isoTime } from '../../protocol/iso.ts'
import { memberOnErrorOf, ON_ERROR, type OnError, onErrorOf } from '../../protocol/onError.ts'
import type { SignatureData } from '../../protocol/signature.ts'
import { CeleriacError } from '../../std/errors.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type DocumentPlace, placeIn, refusal } from './workflowRefusal.ts'
import { STAMPS_SCHEMA, stampNames } from './workflowStamps.ts'

/** Most seconds of a time from now: some 30 years. */
const MAX_SECONDS = 1_000_000_000
/** Longest text of a moment. */
const MAX_MOMENT_CHARS = 64

/** What an option of a signature may be: a value that passes a test; signatures; a policy; or stamps. */
interface OptionRule {
  readonly kind: 'value' | 'signatures' | 'policy' | 'header' | 'stamps'
  readonly expected: string
  readonly isValid: (value: unknown) => boolean
  readonly schema: JsonSchema
}

const seconds = { type: 'number', minimum: 0, maximum: MAX_SECONDS }
const moment = { type: 'string', format: 'date-time' }
const signature = { $ref: '#/components/schemas/Signature' }
const signatures = { anyOf: [signature, { type: 'array', items: signature }] }
const isAny = (): boolean => true
/** How `JSON.stringify(workflow)` writes `on_error`: of a chord, and of one member. */
const POLICY_HEADERS = ['celeriac_on_error', 'celeriac_member_on_error'] as const

/**
 * The options of a signature that a client may set. All others are refused: they would choose ids, owners, queues and
 * headers, or other limits than those of the task.
 */
const OPTION_RULES: ReadonlyMap<string, OptionRule> = new Map<string, OptionRule>([
  ['countdown', { kind: 'value', expected: `seconds from 0 to ${MAX_SECONDS}`, isValid: isSeconds, schema: seconds }],
  ['eta', { kind: 'value', expected: 'a moment as ISO 8601', isValid: isMoment, schema: moment }],
  [
    'expires',
    {
      kind: 'value',
      expected: `seconds from 0 to ${MAX_SECONDS}, or a moment as ISO 8601`,
      isValid: (value) => isSeconds(value) || isMoment(value),
      schema: { anyOf: [seconds, moment] },
    },
  ],
  [
    'priority',
    {
      kind: 'value',
      expected: 'a whole number from 0 to 255',
      isValid: (value) => typeof value === 'number' && isPriority(value),
      schema: { type: 'integer', minimum: 0, maximum: 255 },
    },
  ],
  ['link', { kind: 'signatures', expected: 'signatures', isValid: isAny, schema: signatures }],
  ['link_error', { kind: 'signatures', expected: 'signatures', isValid: isAny, schema: signatures }],
  [
    'on_error',
    {
      kind: 'policy',
      expected: `one of ${ON_ERROR.join(', ')}`,
      isValid: (value) => ON_ERROR.some((one) => one === value),
      schema: {
        enum: ON_ERROR,
        description:
          'Of a chord, or of a group that something follows: what becomes of it when a member fails. Of a member: over that of its chord.',
      },
    },
  ],
  [
    'headers',
    {
      kind: 'header',
      expected: `${POLICY_HEADERS.join(' or ')} alone, each one of ${ON_ERROR.join(', ')}`,
      isValid: isOwnHeaders,
      schema: {
        type: 'object',
        properties: {
          ...Object.fromEntries(POLICY_HEADERS.map((name) => [name, { enum: ON_ERROR }])),
          stamped_headers: { type: 'array' },
          stamps: { type: 'object' },
        },
        minProperties: 1,
        additionalProperties: false,
        description:
          'How `JSON.stringify(workflow)` writes `on_error`. It repeats the stamps there; those of the options count.',
      },
    },
  ],
  ['stamps', { kind: 'stamps', expected: 'an object', isValid: isRecord, schema: STAMPS_SCHEMA }],
  [
    'stamped_headers',
    {
      kind: 'stamps',
      expected: 'an array of names',
      isValid: Array.isArray,
      schema: {
        type: 'array',
        items: { type: 'string' },
        description:
          'How `JSON.stringify(workflow)` writes `stamps`: their names; each value is an option of its name.',
      },
    },
  ],
])

/** Names of the options, for people. */
export const WORKFLOW_OPTION_NAMES: readonly string[] = [...OPTION_RULES.keys()]

/** The options for the description of the API. */
export const WORKFLOW_OPTIONS_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  properties: Object.fromEntries([...OPTION_RULES].map(([name, { schema }]) => [name, schema])),
  additionalProperties: {
    type: ['string', 'number', 'boolean', 'null'],
    description: 'The value of a stamp that `stamped_headers` names; anything else is refused.',
  },
}

/** Whose `on_error` a place may have. */
export interface PolicyPlace {
  /** That of a chord: it is the chord, its body, or a group that something follows. */
  readonly chord: boolean
  /** Its own: it is a member of the header of a chord. */
  readonly member: boolean
}

/** The options of a signature that are its own; its stamps are read by `readStamps`. */
export interface ReadOptions {
  readonly options: SignatureData['options']
  readonly onError: OnError | undefined
  readonly memberOnError: OnError | undefined
}

/**
 * The options of a signature, checked; null is as if it was absent. `readLinks` reads those that are signatures.
 * Throws WorkflowRefusal.
 */
export function readWorkflowOptions(
  options: SignatureData['options'],
  place: DocumentPlace,
  policies: PolicyPlace,
  readLinks: (value: unknown, place: DocumentPlace) => unknown,
): ReadOptions {
  const read: [string, unknown][] = []
  const found: Pick<ReadOptions, 'onError' | 'memberOnError'>[] = []
  const stamps = new Set(stampNames(options))
  for (const [name, value] of Object.entries(options)) {
    const at = placeIn(place, [name])
    const rule = OPTION_RULES.get(name)
    if (!rule && stamps.has(name)) continue
    if (!rule) throw refusal(at, `this option cannot be set here; known are ${WORKFLOW_OPTION_NAMES.join(', ')}`)
    if (value === null) continue
    if (!rule.isValid(value)) throw refusal(at, `expected ${rule.expected}`)
    if (rule.kind === 'signatures') read.push([name, readLinks(value, at)])
    if (rule.kind === 'value') read.push([name, value])
    if (rule.kind === 'policy' || rule.kind === 'header') found.push(readPolicy(rule.kind, value, policies, at))
    if (rule.kind === 'header' && stamps.size === 0 && REPEATED_HEADERS.some((one) => one in (value as object)))
      throw refusal(at, 'expected the stamps in the option stamps, got them in the headers alone')
  }
  const [policy, other] = found.filter(({ onError, memberOnError }) => onError ?? memberOnError)
  if (other) throw refusal(placeIn(place, ['on_error']), 'expected it once, got it as a header, too')
  return { options: Object.fromEntries(read), onError: policy?.onError, memberOnError: policy?.memberOnError }
}

function readPolicy(
  kind: 'policy' | 'header',
  value: unknown,
  { chord, member }: PolicyPlace,
  at: DocumentPlace,
): Pick<ReadOptions, 'onError' | 'memberOnError'> {
  const policy = value as OnError
  const given =
    kind === 'header'
      ? { onError: onErrorOf({ headers: value }), memberOnError: memberOnErrorOf({ headers: value }) }
      : { onError: chord ? policy : undefined, memberOnError: chord ? undefined : policy }
  if ((given.onError !== undefined && !chord) || (given.memberOnError !== undefined && !member))
    throw refusal(at, 'expected it on a chord, its body, a member of its header, or a group that something follows')
  return given
}

/** Names of the headers that repeat the stamps of the options. */
const REPEATED_HEADERS: readonly string[] = ['stamped_headers', 'stamps']

/** Those that `JSON.stringify(workflow)` writes; of the policies each has a value that is one. */
function isOwnHeaders(value: unknown): boolean {
  if (!isRecord(value)) return false
  const names = Object.keys(value)
  const policies = names.filter((name) => !REPEATED_HEADERS.includes(name))
  const given = [onErrorOf({ headers: value }), memberOnErrorOf({ headers: value })]
  return names.length > 0 && policies.length === given.filter((policy) => policy !== undefined).length
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
