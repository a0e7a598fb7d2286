import type { ChangedJob, JobChange } from '../../backend/unitOfWork.ts'
import type { Broker, FoundMessage } from '../../broker/broker.ts'
import { parseCallOptions } from '../../config/callOptions.ts'
import { FIRST_SEEN_HEADER } from '../../protocol/callHeaders.ts'
import { pythonIso } from '../../protocol/iso.ts'
import { argumentsEdit, type MessageEdit } from '../../protocol/messageEdit.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { isFinal, PENDING, UNKNOWN } from '../../protocol/states.ts'
import { ArgumentError, NotSupportedError, NotWaitingError, UnknownJobError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import type { OpenStores } from '../../stores/open.ts'
import type { Given } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { checkedCall } from '../checkedCall.ts'
import { momentOf } from '../prepareCall.ts'
import type { JobChanges } from './jobChanges.ts'

/** What a change needs of the app. */
export interface ChangeHost {
  readonly stores: OpenStores
  readonly typedJson: boolean
  /** Queue of a job that has no record. */
  readonly queue: string
  now(): number
  definition(task: string): TaskDefinition | undefined
}

/**
 * Change a job that waits in its queue, or is delayed: its message and its record in one write. Rejects with
 * NotWaitingError where a worker has it, or it has ended; UnknownJobError, NotSupportedError, and as a call for changes
 * that its task does not take.
 */
export async function changeJob(host: ChangeHost, id: string, changes: JobChanges): Promise<void> {
  const { broker, backend, unitOfWork } = host.stores
  const parsed = parsedChanges(changes, id)
  if (!unitOfWork.change || !broker.find) throw unchangeable(broker)
  const [known] = await backend.load([id])
  refuseEnded(id, known)
  const queue = known?.queue ?? host.queue
  const given = parsed.given && (await checked(host, id, known, queue, parsed.given))
  const change: JobChange = (found, record) => {
    refuseEnded(id, record)
    return changedJob(found, { ...parsed, given }, host)
  }
  if (await unitOfWork.change(id, queue, change)) return
  const [now] = await backend.load([id])
  const found = now && broker.finds === undefined ? undefined : await broker.find(id, queue)
  if (!now && !found) throw new UnknownJobError(id, backend.hint)
  if (broker.finds && !found && now?.status === PENDING) throw unchangeable(broker)
  throw new NotWaitingError(id, now?.status ?? UNKNOWN)
}

function unchangeable({ url, finds }: Broker): NotSupportedError {
  const what = finds === undefined ? 'a message that waits' : 'a message that waits without limits'
  return new NotSupportedError(
    `${url} cannot change ${what}: it gives messages to consumers in their order alone; revoke the job and send it again`,
  )
}

/** Of a workflow, a task that is not sent yet has a record, too. */
function refuseEnded(id: string, known: TaskMeta | undefined): void {
  if (known && isFinal(known.status)) throw new NotWaitingError(id, known.status)
}

interface ParsedChanges {
  readonly moment: Date | number | undefined
  readonly queue: string | undefined
  readonly priority: number | undefined
  readonly given: Given | undefined
}

const NAMES: ReadonlySet<string> = new Set(['eta', 'countdown', 'queue', 'priority', 'args', 'kwargs'])

function parsedChanges({ args, ...options }: JobChanges, id: string): ParsedChanges {
  const where = `change of job ${id}`
  const named = Object.entries({ args, ...options }).filter(([, value]) => value !== undefined)
  const unknown = named.find(([name]) => !NAMES.has(name))
  if (unknown || named.length === 0)
    throw new ArgumentError(`${where}: expected one of ${[...NAMES].join(', ')}, got ${unknown?.[0] ?? 'nothing'}`)
  if (args !== undefined && !Array.isArray(args))
    throw new ArgumentError(`${where}: args: expected an array, got ${shown(args)}`)
  const { eta, countdown, queue, priority, kwargs } = parseCallOptions(options, where)
  const given = args === undefined && kwargs === undefined ? undefined : { args: args ?? [], kwargs: kwargs ?? {} }
  return { moment: eta ?? countdown, queue, priority, given }
}

/** As the arguments cross the wire. */
async function checked(
  { stores, definition }: ChangeHost,
  id: string,
  known: TaskMeta | undefined,
  queue: string,
  given: Given,
): Promise<Given> {
  const task = known?.name ?? (await stores.broker.find?.(id, queue))?.envelope.headers.task
  const own = typeof task === 'string' ? definition(task) : undefined
  return own ? checkedCall(own, given, {}) : given
}

function changedJob({ envelope }: FoundMessage, changes: ParsedChanges, host: ChangeHost): ChangedJob {
  const { queue, priority, given } = changes
  const now = host.now()
  const moment = momentOf(changes.moment, now)
  const isAhead = moment !== undefined && moment.getTime() > now
  if (moment && envelope.headers.task === undefined) throw new NotSupportedError('the eta of a message of protocol 1')
  const edit: MessageEdit = given ? argumentsEdit(envelope, given, host.typedJson) : {}
  const headers: Record<string, unknown> = { ...edit.headers }
  if (moment) headers.eta = isAhead ? pythonIso(moment) : null
  // In another queue, a worker that knows the task has all of the time to come.
  if (queue !== undefined && FIRST_SEEN_HEADER in envelope.headers) headers[FIRST_SEEN_HEADER] = null
  return {
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(edit.body !== undefined && { body: edit.body }),
    ...(priority !== undefined && { priority }),
    ...(queue !== undefined && { queue }),
    ...(moment && { notBefore: moment.getTime() }),
    record: { queue, due: moment && (isAhead ? moment.toISOString() : null), input: edit.body },
  }
}
