import type { UnitOfWork } from '../backend/unitOfWork.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { encodeException, rejectedError } from '../protocol/exception.ts'
import { type Job, type JobFacts, jobOf } from '../protocol/job.ts'
import { decodeTask } from '../protocol/message.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { emptyRecord } from '../protocol/record.ts'
import { childTuples, type TaskMeta } from '../protocol/result.ts'
import { FAILURE, SUCCESS } from '../protocol/states.ts'
import { type Clock, isoOf } from '../std/clock.ts'
import type { JobHost } from '../tasks/jobContext.ts'
import type { Emit } from '../tasks/outputBuffer.ts'

/** The job of a message as it would arrive: the task gets copies, as everywhere. */
export function jobOfEnvelope(envelope: Envelope, facts: JobFacts): Job {
  const { properties } = envelope
  return jobOf(decodeTask(envelope, new Set([properties.contentType])), properties, facts)
}

/** Where an eager run is recorded. */
export interface EagerStore {
  readonly unitOfWork: UnitOfWork
  /** The result backend keeps an event log. */
  readonly emits: boolean
  readonly clock: Clock
}

/** Without waits, a task that snoozes until something has happened would run for ever. */
const MAX_SNOOZES = 1000

function snoozedTooOften(): Outcome {
  const message = `it has snoozed ${MAX_SNOOZES} times, and with alwaysEager no time passes`
  return { kind: 'failure', error: { type: 'Snooze', message } }
}

/**
 * Run at once in this process, retries and snoozes without their waits, and record the end: a call under
 * `alwaysEager`.
 */
export async function runEagerly(
  job: Job,
  pending: TaskMeta | undefined,
  { unitOfWork, emits, clock }: EagerStore,
  run: (job: Job, host: JobHost) => Promise<Outcome>,
  log: JobHost['log'],
): Promise<{ outcome: Outcome; retries: number; runtime: number }> {
  const begun = performance.now()
  const base = pending ?? emptyRecord(job.id, '')
  const started = isoOf(clock.now())
  const report: JobHost['report'] = ({ state, meta }) => {
    if (pending) void unitOfWork.write({ meta: { ...base, status: state, result: meta, date_started: started } })
  }
  let handed: Promise<unknown> = Promise.resolve()
  let count = 0
  const emit: Emit = (emission, taken) => {
    const output = { id: job.id, run: 'eager', from: ++count, emissions: [emission], again: false }
    handed = handed.then(() => unitOfWork.emit(output, undefined)).finally(taken)
  }
  const host: JobHost = { signal: new AbortController().signal, report, emit: pending && emits ? emit : undefined, log }
  let retries = job.retries
  let outcome = await run(job, host)
  let snoozes = 0
  while (outcome.kind === 'retry' || outcome.kind === 'snooze') {
    if (outcome.kind === 'retry') retries++
    else snoozes++
    outcome = snoozes > MAX_SNOOZES ? snoozedTooOften() : await run({ ...job, retries }, host)
  }
  await handed
  const ended = { outcome, retries, runtime: performance.now() - begun }
  if (!pending || outcome.kind === 'ignore' || outcome.kind === 'replace') return ended
  const children = childTuples(outcome.children ?? [])
  const end = { ...base, children, retries, date_started: started, date_done: isoOf(clock.now()) }
  if (outcome.kind === 'success') {
    await unitOfWork.write({ meta: { ...end, status: SUCCESS, result: outcome.result } })
  } else {
    const error = outcome.kind === 'reject' ? rejectedError(outcome.reason) : outcome.error
    const traceback = error.traceback ?? null
    await unitOfWork.write({ meta: { ...end, status: FAILURE, result: encodeException(error), traceback } })
  }
  return ended
}
