import { faultOf } from '../broker/storeErrors.ts'
import { advancerOf } from '../canvas/advance.ts'
import { bodyIdOf, errorOfChord, failureWriting, Gathered, type ReadChord } from '../canvas/chordEnd.ts'
import { gatherEnds, hasEnded, idsOf, type Unlock } from '../canvas/chordUnlock.ts'
import { errorInfo } from '../protocol/exception.ts'
import { plainBody } from '../protocol/onError.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'
import { pieces } from '../std/chunks.ts'
import { Fatal, NotSupportedError } from '../std/errors.ts'
import { contextHere, currentTask, type TaskContext } from '../tasks/current.ts'
import { sendWorkflow, type WorkflowHost } from './workflows.ts'

/** Records that one look loads at once. */
const RECORDS_AT_ONCE = 1000

/**
 * What `celery.chord_unlock` does: if all members have ended, send the body, or end it with a ChordError; else retry.
 * The body has the id that its sender has given it, so that a message that is delivered again sends no other; if it has
 * ended by then, nothing is sent. Throws Retry; NotSupportedError where results are sent to callers; Fatal after
 * `maxRetries`.
 */
export async function unlockChord(host: WorkflowHost, unlock: Unlock): Promise<null> {
  const context = currentTask()
  if (!context) throw new NotSupportedError('celery.chord_unlock: a worker calls it')
  const chord = chordOf(unlock, context)
  const records = await endsOf(host, unlock, context)
  const [body] = await (await host.stores.open()).backend.load([bodyIdOf(chord)])
  if (body && isFinal(body.status)) return null
  const gathered = new Gathered(chord)
  gatherEnds(unlock, records, gathered)
  if (gathered.error) await fail(host, chord, gathered.error)
  else await sendBody(host, unlock, chord, gathered.results)
  return null
}

/** The chord, as its end is written. */
function chordOf({ group, body }: Unlock, { id, rootId }: TaskContext): ReadChord {
  return { group, call: { body, id, rootId, replyTo: undefined, context: contextHere()?.wire } }
}

/** The records of all members. Throws Retry if one of them has not ended. */
async function endsOf(
  host: WorkflowHost,
  unlock: Unlock,
  context: TaskContext,
): Promise<ReadonlyMap<string, TaskMeta>> {
  const { backend } = await host.stores.open()
  if (backend.callerOnly)
    throw new NotSupportedError(`celery.chord_unlock: ${backend.url} does not keep the results of the members`)
  const records = new Map<string, TaskMeta>()
  for (const ids of pieces(idsOf(unlock.members), RECORDS_AT_ONCE)) {
    const loaded = await backend.load(ids)
    if (!loaded.every(hasEnded)) return later(host, unlock, context)
    for (const meta of loaded) if (meta) records.set(meta.task_id, meta)
  }
  return records
}

/** Look again after the interval; the last time, the body ends, too. */
async function later(host: WorkflowHost, unlock: Unlock, context: TaskContext): Promise<never> {
  const { group, interval, maxRetries = Number.POSITIVE_INFINITY } = unlock
  if (context.retries < maxRetries) return context.retry({ countdown: interval })
  const message = `the members have not ended after ${maxRetries} retries`
  await fail(host, chordOf(unlock, context), errorOfChord(message))
  throw new Fatal(`celery.chord_unlock: group ${group}: ${message}`)
}

async function sendBody(
  host: WorkflowHost,
  { body }: Unlock,
  chord: ReadChord,
  results: readonly unknown[],
): Promise<void> {
  try {
    const taskId = body.options.task_id === undefined ? bodyIdOf(chord) : undefined
    await sendWorkflow(host, plainBody(body), [results], { taskId }, undefined)
  } catch (problem) {
    if (faultOf(problem) !== 'message') throw problem
    await fail(host, chord, errorOfChord(`the body cannot be sent: ${errorInfo(problem).message}`))
  }
}

/** ChordError for the body and for all that follows from it; its errbacks are sent. */
async function fail(host: WorkflowHost, chord: ReadChord, error: ErrorInfo): Promise<void> {
  const stores = await host.stores.open()
  const joiner = advancerOf(host, host.sender.origin, stores)
  const { closes: _, parts, ...writing } = failureWriting(chord, error, joiner)
  await stores.unitOfWork.write(joiner.joins ? { ...writing, parts } : writing)
}
