import type { Step } from '../../calls/eventFeed.ts'
import { infoOf, type JobInfo } from '../../calls/jobInfo.ts'
import type { Emission, LogLine } from '../../protocol/emission.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { isOver } from '../../protocol/result.ts'
import { FAILURE, PROGRESS, REVOKED, STARTED, SUCCESS } from '../../protocol/states.ts'
import { outlineOf, outlineOfEmission } from '../access/roles.ts'

/** What a stream begins with: when to come back after it broke off, ms. */
export const OPENING = 'retry: 2000\n\n'
/** A comment: nothing to the client, a sign of life to whatever lies between. */
export const HEARTBEAT = ':\n\n'

/**
 * A change as an event of a stream (WHATWG HTML §9.2). Its id is there where the change has a number. `isOutline`:
 * without what a codec covers.
 */
export function eventText(step: Step, isOutline = false): string {
  if (step === 'gap') return `${field('event', 'reset')}${field('data', '{}')}\n`
  const { type, data } = contentOf(step, isOutline)
  const id = step.seq === undefined ? '' : field('id', String(step.seq))
  // JSON has no line break in it.
  return `${id}${field('event', type)}${field('data', toJson(data))}\n`
}

/** The job of a group as it is, as an event with this number. While members run it is their progress. */
export function groupEventText(info: JobInfo, seq: number): string {
  const { type, data } =
    info.state === STARTED ? { type: 'progress', data: info.progress } : stateContent(info, info.progress)
  return `${field('id', String(seq))}${field('event', type)}${field('data', toJson(data))}\n`
}

/** A line of an event. */
export function field(name: string, value: string): string {
  return `${name}: ${value}\n`
}

function contentOf({ meta, emission }: Exclude<Step, 'gap'>, isOutline: boolean): { type: string; data: unknown } {
  if (emission) return emissionContent(isOutline ? outlineOfEmission(emission) : emission)
  const info = isOutline ? outlineOf(infoOf(meta)) : infoOf(meta)
  if (meta.problem && isOver(meta)) return { type: 'error', data: { state: info.state, ...shownError(info) } }
  // If it cannot be read, the state is known nevertheless.
  if (info.state === PROGRESS && !info.error) return { type: 'progress', data: info.progress ?? null }
  return stateContent(info, info.progress)
}

function stateContent(info: JobInfo, progress: unknown): { type: string; data: unknown } {
  const { state, result, attempt } = info
  const error = shownError(info)
  if (info.resultOmitted) return { type: 'result-omitted', data: {} }
  if (state === SUCCESS) return { type: 'result', data: result ?? null }
  if (state === FAILURE || state === REVOKED) return { type: 'error', data: { state, ...error } }
  return { type: 'state', data: { state, attempt, progress, error } }
}

function shownError({ error }: JobInfo): { readonly type: string; readonly message: string } | undefined {
  return error && { type: error.type, message: error.message }
}

function emissionContent({ kind, attempt, value }: Emission): { type: string; data: unknown } {
  return { type: kind, data: kind === 'chunk' ? { attempt, data: value } : { attempt, ...(value as LogLine) } }
}
