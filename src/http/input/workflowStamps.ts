import type { SignatureData } from '../../protocol/signature.ts'
import { isStampName, type Stamps } from '../../protocol/stamps.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { JsonSchema } from '../../std/jsonSchema.ts'
import { type DocumentPlace, placeIn, refusal } from './workflowRefusal.ts'

/*
 * Stamps in the document of a workflow. They go with every message of it, and into the records of Celery's workers: so
 * they are few, short, and have no name of anything else.
 */

/** Most stamps of one task, those of the workflows around it counted. */
const MAX_STAMPS = 16
/** Longest text of a stamp. */
const MAX_STAMP_CHARS = 256
const STAMP_NAME = /^[A-Za-z][\w.-]{0,63}$/

/** The option `stamps`, for the description of the API. */
export const STAMPS_SCHEMA: JsonSchema = {
  type: 'object',
  maxProperties: MAX_STAMPS,
  propertyNames: { pattern: STAMP_NAME.source },
  additionalProperties: {
    anyOf: [{ type: 'string', maxLength: MAX_STAMP_CHARS }, { type: 'number' }, { type: 'boolean' }],
  },
  description: 'Values by name, `ctx.stamps` in the task; those of a workflow are those of all its tasks and links.',
}

/** The names in `stamped_headers`; not checked. */
export function stampNames({ stamped_headers: names }: SignatureData['options']): readonly unknown[] {
  return Array.isArray(names) ? names : []
}

/**
 * The stamps of a signature, in either form, beside those of the workflows around it, which count less. `place` is that
 * of the options. Throws WorkflowRefusal.
 */
export function readStamps(options: SignatureData['options'], place: DocumentPlace, around: Stamps): Stamps {
  const { stamps } = options
  const listed = stampNames(options).map((name, index): [unknown, unknown, DocumentPlace] => {
    const value = typeof name === 'string' && Object.hasOwn(options, name) ? options[name] : undefined
    return [name, value, placeIn(place, ['stamped_headers', index], `.stamped_headers[${index}]`)]
  })
  const given = Object.entries(isRecord(stamps) ? stamps : {}).map(
    ([name, value]): [unknown, unknown, DocumentPlace] => [
      name,
      value,
      placeIn(place, ['stamps', name], `.stamps.${name.slice(0, 80)}`),
    ],
  )
  const own = [...listed, ...given].map(([name, value, at]) => readStamp(name, value, at))
  const all = { ...around, ...Object.fromEntries(own) }
  if (Object.keys(all).length > MAX_STAMPS)
    throw refusal(place, `expected at most ${MAX_STAMPS} stamps on a task, those of the workflows around it counted`)
  return all
}

function readStamp(name: unknown, value: unknown, at: DocumentPlace): [string, unknown] {
  if (typeof name !== 'string' || !STAMP_NAME.test(name) || !isStampName(name))
    throw refusal(
      at,
      `expected the name of a stamp, a letter and up to 63 of A-Z a-z 0-9 _ . -, that no option and no field of a record has`,
    )
  if (!isScalar(value))
    throw refusal(
      at,
      `expected a stamp ${name} that is true, false, a number, or text of at most ${MAX_STAMP_CHARS} characters`,
    )
  return [name, value]
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MAX_STAMP_CHARS
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}
