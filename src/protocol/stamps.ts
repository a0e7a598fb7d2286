import { isRecord } from '../std/isRecord.ts'
import { canvasOf, type SignatureData } from './signature.ts'

/*
 * Stamps: values that go with each task of a workflow, as Celery 5.3 has them. A signature has their names in the
 * option `stamped_headers`, and each value as an option of that name; a message has `stamped_headers` and `stamps`. So
 * have the headers of a signature: Celery 5.2, which knows no stamps, passes on headers.
 */

/** Values by name. */
export type Stamps = Readonly<Record<string, unknown>>

type Options = SignatureData['options']

/**
 * Names that a stamp cannot have: it would be taken for an option of the signature, or, in the record that a worker of
 * Celery writes, for a field of it.
 */
const RESERVED: ReadonlySet<string> = new Set(
  `args add_to_parent argsrepr callbacks chain children chord compression connection countdown date_done errbacks eta
  exchange expires group_id group_index headers ignore_result kwargs kwargsrepr link link_error name on_error origin
  parent_id priority producer queue replaced_task_nesting reply_to result retries retry retry_policy root_id
  router routing_key serializer shadow soft_time_limit stamped_headers stamps status task task_id task_type time_limit
  traceback worker`.split(/\s+/),
)

/** True for a name that a stamp can have. */
export function isStampName(name: string): boolean {
  return name !== '' && !RESERVED.has(name)
}

/** The options with stamps; those that they have stay. */
export function withStamps(options: Options, stamps: Stamps): Options {
  const own = namesOf(options)
  const added = Object.keys(stamps).filter((name) => !own.includes(name))
  if (added.length === 0) return options
  const values = Object.fromEntries(added.map((name) => [name, stamps[name]]))
  const all = { ...options, ...values, stamped_headers: [...own, ...added] }
  const headers = isRecord(options.headers) ? options.headers : {}
  return { ...all, headers: { ...headers, stamped_headers: all.stamped_headers, stamps: stampsIn(all) } }
}

/** The stamps that options have. */
export function stampsIn(options: Options): Stamps {
  return Object.fromEntries(namesOf(options).map((name) => [name, options[name]]))
}

function namesOf({ stamped_headers: names }: Options): readonly string[] {
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
}

/** A signature with stamps on each task of it, those of its links too. Not for one that contains itself. */
export function stamped(signature: SignatureData, stamps: Stamps): SignatureData {
  return Object.keys(stamps).length === 0 ? signature : stampedWithin(signature, stamps)
}

function stampedWithin(signature: SignatureData, stamps: Stamps): SignatureData {
  const isCanvas = canvasOf(signature) !== undefined
  const options = { ...(isCanvas ? signature.options : withStamps(signature.options, stamps)) }
  for (const name of LINKS) if (options[name]) options[name] = within(options[name], stamps)
  if (!isCanvas) return { ...signature, options }
  const kwargs = { ...signature.kwargs }
  for (const name of MEMBERS) if (kwargs[name]) kwargs[name] = within(kwargs[name], stamps)
  return { ...signature, kwargs, options }
}

const LINKS = ['link', 'link_error', 'chain', 'chord'] as const
const MEMBERS = ['tasks', 'header', 'body'] as const

/** What is no signature stays: it is refused where it is read. */
function within(value: unknown, stamps: Stamps): unknown {
  if (Array.isArray(value)) return value.map((one) => within(one, stamps))
  if (!isRecord(value) || typeof value.task !== 'string') return value
  const { options, kwargs } = value
  const data = { subtask_type: null, ...value, options: options ?? {}, kwargs: kwargs ?? {} }
  return isRecord(data.options) && isRecord(data.kwargs)
    ? stampedWithin(data as unknown as SignatureData, stamps)
    : value
}
