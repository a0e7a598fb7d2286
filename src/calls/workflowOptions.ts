import type { CallOptions, ParsedCallOptions } from '../config/callOptions.ts'
import { parseCallOptions } from '../config/callOptions.ts'
import { pythonIso } from '../protocol/iso.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { type Stamps, withStamps } from '../protocol/stamps.ts'
import { refuseUnknown } from '../std/validate.ts'
import { retryHeader } from './prepareCall.ts'

/** Options of a signature: they are sent with it, by a client or by a worker. Each is that of a call. */
export interface SignatureOptions
  extends Pick<
    CallOptions,
    | 'countdown'
    | 'eta'
    | 'expires'
    | 'priority'
    | 'queue'
    | 'taskId'
    | 'headers'
    | 'retry'
    | 'timeLimit'
    | 'softTimeLimit'
    | 'ignoreResult'
    | 'serializer'
    | 'stamps'
  > {}

/**
 * Options of the call of a workflow. `countdown` and `eta` are those of the tasks that run first; `taskId` and `link`
 * those of its end; `linkError`, `expires`, `priority`, `queue`, `headers`, `tags` and `owner` go to each task that has
 * none of its own, `stamps` to its links, too.
 */
export interface WorkflowOptions
  extends Pick<
    CallOptions,
    | 'countdown'
    | 'eta'
    | 'expires'
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

const SIGNATURE_OPTIONS: ReadonlySet<string> = new Set<keyof SignatureOptions>([
  'countdown',
  'eta',
  'expires',
  'priority',
  'queue',
  'taskId',
  'headers',
  'retry',
  'timeLimit',
  'softTimeLimit',
  'ignoreResult',
  'serializer',
  'stamps',
])

const WORKFLOW_OPTIONS: ReadonlySet<string> = new Set<keyof WorkflowOptions>([
  'countdown',
  'eta',
  'expires',
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

/** Options of a signature in Celery's names and units. Throws ArgumentError; `where` names the signature in it. */
export function wireOptions(options: SignatureOptions, where: string): SignatureData['options'] & { headers?: object } {
  refuseUnknown(options, SIGNATURE_OPTIONS, where)
  return wireOf(parseCallOptions(options, where))
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
  const { countdown, eta, taskId, tags, owner, link = [], linkError = [], stamps = {}, expires, ...rest } = parsed
  const end = typeof expires === 'number' ? new Date(now + expires) : expires
  return {
    first: wireOf({ countdown, eta }),
    all: wireOf({ ...rest, expires: end }),
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
  const all: Record<string, unknown> = {
    countdown: seconds(options.countdown),
    eta: options.eta && pythonIso(options.eta),
    expires: typeof expires === 'number' ? seconds(expires) : expires && pythonIso(expires),
    priority: options.priority,
    queue: options.queue,
    task_id: options.taskId,
    time_limit: seconds(options.timeLimit),
    soft_time_limit: seconds(options.softTimeLimit),
    ignore_result: options.ignoreResult,
    serializer: options.serializer,
    headers: retry ? { ...headers, ...retryHeader(options) } : headers,
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
