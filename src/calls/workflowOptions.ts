import type { CallOptions, ParsedCallOptions } from '../config/callOptions.ts'
import { parseCallOptions } from '../config/callOptions.ts'
import { callHeaders } from '../protocol/callHeaders.ts'
import { pythonIso } from '../protocol/iso.ts'
import { memberOnError, ON_ERROR, type OnError, onErrorOf, withOnError } from '../protocol/onError.ts'
import { ownershipHeader } from '../protocol/ownership.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { type Stamps, withStamps } from '../protocol/stamps.ts'
import { ArgumentError } from '../std/errors.ts'
import { refuseUnknown, shown } from '../std/validate.ts'
import { retryHeader } from '../tasks/retry.ts'
import { momentOf } from './prepareCall.ts'

/** Options of a signature: they are sent with it, by a client or by a worker. Each is that of a call. */
export interface SignatureOptions
  extends Pick<
    CallOptions,
    | 'countdown'
    | 'eta'
    | 'expires'
    | 'priority'
    | 'queue'
    | 'exchange'
    | 'routingKey'
    | 'taskId'
    | 'headers'
    | 'retry'
    | 'timeLimit'
    | 'softTimeLimit'
    | 'ignoreResult'
    | 'resultExpires'
    | 'serializer'
    | 'stamps'
  > {
  /**
   * Of a member of the header of a chord: what becomes of the chord if this member fails or is revoked, over the
   * `onError` of the chord. `'ignore'`: the body gets the other results. `'collect'`: the body gets the end of this
   * member, as `MemberEnd`, in its place. Of a member that is a chain its last step has it. Default: that of the chord.
   */
  readonly onError?: OnError | undefined
}

/**
 * Options of the call of a workflow. `countdown` and `eta` are those of the tasks that run first; `taskId` and `link`
 * those of its end; `linkError`, `expires`, `deadline`, `priority`, `queue`, `headers`, `tags` and `owner` go to each
 * task that has none of its own, `stamps` to its links, too.
 */
export interface WorkflowOptions
  extends Pick<
    CallOptions,
    | 'countdown'
    | 'eta'
    | 'expires'
    | 'deadline'
    | 'priority'
    | 'queue'
    | 'taskId'
    | 'headers'
    | 'tags'
    | 'owner'
    | 'link'
    | 'linkError'
    | 'stamps'
  > {}

/** Options of a header: of `chord`, or of a `group` that something follows. */
export interface HeaderOptions<Policy extends OnError = OnError> {
  /** What becomes of it if a member fails or is revoked. Default `'fail'`, as with Celery. */
  readonly onError?: Policy | undefined
}

const SIGNATURE_OPTIONS: ReadonlySet<string> = new Set<keyof SignatureOptions>([
  'countdown',
  'eta',
  'expires',
  'priority',
  'queue',
  'exchange',
  'routingKey',
  'taskId',
  'headers',
  'retry',
  'timeLimit',
  'softTimeLimit',
  'ignoreResult',
  'resultExpires',
  'serializer',
  'stamps',
  'onError',
])

const WORKFLOW_OPTIONS: ReadonlySet<string> = new Set<keyof WorkflowOptions>([
  'countdown',
  'eta',
  'expires',
  'deadline',
  'priority',
  'queue',
  'taskId',
  'headers',
  'tags',
  'owner',
  'link',
  'linkError',
  'stamps',
])

const HEADER_OPTIONS: ReadonlySet<string> = new Set<keyof HeaderOptions>(['onError'])

/** Check the options of a header. Throws ArgumentError. */
export function parseOnError(options: HeaderOptions, where: string): OnError | undefined {
  refuseUnknown(options, HEADER_OPTIONS, where)
  return requireOnError(options.onError, where)
}

/** Throws ArgumentError for anything but one of them, or undefined. */
export function requireOnError(onError: OnError | undefined, where: string): OnError | undefined {
  if (onError === undefined || ON_ERROR.includes(onError)) return onError
  throw new ArgumentError(`${where}: onError: expected one of ${ON_ERROR.join(', ')}, got ${shown(onError)}`)
}

/** The body of a chord with these options. Throws ArgumentError where header and body say it twice. */
export function bodyOnError(
  header: SignatureData | readonly SignatureData[],
  body: SignatureData,
  onError: OnError | undefined,
): SignatureData {
  if (onError === undefined) return body
  if ('options' in header && onErrorOf(header.options) !== undefined)
    throw new ArgumentError('chord: onError: expected it once, got one of the group, too')
  return { ...body, options: withOnError(body.options, onError) }
}

/** Options of a signature in Celery's names and units. Throws ArgumentError; `where` names the signature in it. */
export function wireOptions(options: SignatureOptions, where: string): SignatureData['options'] & { headers?: object } {
  refuseUnknown(options, SIGNATURE_OPTIONS, where)
  const { onError, ...others } = options
  const own = requireOnError(onError, where)
  const wire = wireOf(parseCallOptions(others, where))
  return own === undefined ? wire : { ...wire, headers: { ...(wire.headers as object), ...memberOnError(own) } }
}

/** The options of the call of a workflow, by the tasks that they are for. */
export interface ParsedWorkflowOptions {
  /** Of the tasks that run first. */
  readonly first: SignatureData['options']
  /** Of every task that has none of its own. */
  readonly all: SignatureData['options']
  readonly taskId: string | undefined
  readonly links: readonly SignatureData[]
  readonly errbacks: readonly SignatureData[]
  /** Of every task, and of those of its links. */
  readonly stamps: Stamps
  readonly tags: readonly string[] | undefined
  readonly owner: string | undefined
}

/** `now`: ms since the epoch; what expires after a time does so from now on, wherever it is sent. Throws as above. */
export function parseWorkflowOptions(options: WorkflowOptions, where: string, now: number): ParsedWorkflowOptions {
  refuseUnknown(options, WORKFLOW_OPTIONS, where)
  const parsed = parseCallOptions(options, where)
  const { countdown, eta, taskId, tags, owner, link = [], linkError = [], stamps = {}, expires, ...others } = parsed
  const { deadline, ...rest } = others
  const added = { ...ownershipHeader(parsed), ...callHeaders({ deadline: momentOf(deadline, now)?.getTime() }) }
  const headers = Object.keys(added).length === 0 ? rest.headers : { ...rest.headers, ...added }
  return {
    first: wireOf({ countdown, eta }),
    all: wireOf({ ...rest, headers, expires: momentOf(expires, now) }),
    taskId,
    links: link,
    errbacks: linkError,
    stamps,
    tags,
    owner,
  }
}

function wireOf(options: ParsedCallOptions): Record<string, unknown> {
  const { expires, retry, headers } = options
  const facts = callHeaders({ resultExpires: options.resultExpires })
  const all: Record<string, unknown> = {
    countdown: seconds(options.countdown),
    eta: options.eta && pythonIso(options.eta),
    expires: typeof expires === 'number' ? seconds(expires) : expires && pythonIso(expires),
    priority: options.priority,
    queue: options.queue,
    exchange: options.exchange,
    routing_key: options.routingKey,
    task_id: options.taskId,
    time_limit: seconds(options.timeLimit),
    soft_time_limit: seconds(options.softTimeLimit),
    ignore_result: options.ignoreResult,
    serializer: options.serializer,
    headers: retry || facts ? { ...headers, ...retryHeader(retry), ...facts } : headers,
  }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return { ...(options.stamps ? withStamps(given, options.stamps) : given) }
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

/** The options of a call as data, for send middleware and for people. */
export function callOptionsOf(options: SignatureData['options']): SignatureOptions {
  const all: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    const option = CALL_OPTIONS_BY_NAME.get(name)
    const read = option?.read ? option.read(value) : value
    if (option && read !== undefined && read !== null) all[option.name] = read
  }
  return all
}

/** How one option of a call is read from one of a signature. Absent `read`: the value is the same. */
interface ReadOption {
  readonly name: keyof SignatureOptions
  readonly read?: (value: unknown) => unknown
}

/** By Celery's names. */
const CALL_OPTIONS_BY_NAME: ReadonlyMap<string, ReadOption> = new Map<string, ReadOption>([
  ['countdown', { name: 'countdown', read: milliseconds }],
  ['eta', { name: 'eta', read: moment }],
  ['expires', { name: 'expires', read: (value) => moment(value) ?? milliseconds(value) }],
  ['priority', { name: 'priority' }],
  ['queue', { name: 'queue' }],
  ['exchange', { name: 'exchange' }],
  ['routing_key', { name: 'routingKey' }],
  ['task_id', { name: 'taskId' }],
  ['headers', { name: 'headers' }],
  ['time_limit', { name: 'timeLimit', read: milliseconds }],
  ['soft_time_limit', { name: 'softTimeLimit', read: milliseconds }],
  ['ignore_result', { name: 'ignoreResult' }],
  ['serializer', { name: 'serializer' }],
])

function moment(value: unknown): Date | undefined {
  return typeof value === 'string' ? new Date(value) : undefined
}

function milliseconds(value: unknown): number | undefined {
  return typeof value === 'number' ? value * 1000 : undefined
}
