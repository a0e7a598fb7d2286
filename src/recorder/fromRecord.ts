import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { infoOf } from '../calls/jobInfo.ts'
import { concealed, concealedError, HIDDEN, pythonRepr } from '../protocol/repr.ts'
import { isFinal, SUCCESS } from '../protocol/states.ts'
import { concealedOf } from '../tasks/bind.ts'
import { fingerprintOf } from './fold/fingerprint.ts'
import type { RecordedHistory, RecordedJob } from './recording.ts'

/**
 * What the result backend knows of a job, as events would say it: without what a codec covers. Undefined where it knows
 * nothing. Nothing of it is written to the recorder's file. Rejects with StoreUnavailableError.
 */
export async function jobFromRecord(app: App, id: string): Promise<RecordedJob | undefined> {
  const { config, stores, definition } = internalsOf(app)
  const { backend } = await stores()
  const [meta] = await backend.load([id])
  if (!meta) return undefined
  const { owner, tags = [] } = (await backend.jobs?.metadata([id]))?.[0] ?? {}
  const { task, state, queue, worker, retries, submittedAt, startedAt, finishedAt, result, resultOmitted, error } =
    infoOf(meta)
  const what = concealedOf(config, definition(task ?? ''))
  const shownError = error && concealedError(errorInfo(error), what)
  const exception = shownError && `${shownError.pythonType ?? shownError.type}(${pythonRepr(shownError.message)})`
  const [submitted, started, ended] = [submittedAt?.getTime(), startedAt?.getTime(), finishedAt?.getTime()]
  return {
    ...{ id, task, state, queue, worker, owner, tags, retries, exception },
    result: state === SUCCESS && !resultOmitted ? shownResult(result, what) : undefined,
    traceback: what === undefined ? error?.traceback : undefined,
    fingerprint: exception && fingerprintOf(task ?? '', exception).fingerprint,
    parentId: meta.parent_id ?? undefined,
    ...{ sentAt: submitted, startedAt: started, endedAt: ended },
    firstAt: submitted ?? started ?? ended ?? 0,
    changedAt: ended ?? started ?? submitted ?? 0,
    wait: submitted !== undefined && started !== undefined ? Math.max(0, started - submitted) : undefined,
    runtime: started !== undefined && ended !== undefined ? Math.max(0, ended - started) : undefined,
  }
}

/** A job of the file with what its events did not say. */
export function filled({ job, steps }: RecordedHistory, record: RecordedJob | undefined): RecordedHistory {
  if (!record) return { job, steps }
  const isBehind = isFinal(record.state) && !isFinal(job.state)
  const known = Object.fromEntries(Object.entries(job).filter(([, value]) => value !== undefined)) as object
  const state = isBehind ? { state: record.state, endedAt: record.endedAt, result: record.result } : {}
  const tags = job.tags.length === 0 ? record.tags : job.tags
  return { job: { ...record, ...known, tags, ...state } as RecordedJob, steps }
}

/** True where events have left out something that a record may have. */
export function isIncomplete({ task, queue, state, result }: RecordedJob): boolean {
  const lacksResult = state === SUCCESS && result === undefined
  return task === undefined || queue === undefined || lacksResult || !isFinal(state)
}

function errorInfo({
  traceback,
  ...error
}: NonNullable<ReturnType<typeof infoOf>['error']>): Parameters<typeof concealedError>[0] {
  return { ...error, ...(traceback !== undefined && { traceback }) }
}

function shownResult(result: unknown, what: ReturnType<typeof concealedOf>): string {
  return what === 'all' ? HIDDEN : pythonRepr(concealed(result, what))
}
