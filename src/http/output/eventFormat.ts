import type { Step } from '../../calls/eventFeed.ts'
import { infoOf } from '../../calls/jobInfo.ts'
import type { Emission, LogLine } from '../../protocol/emission.ts'
import { toJson } from '../../protocol/plainJson.ts'
import { isOver } from '../../protocol/result.ts'
import { FAILURE, PROGRESS, REVOKED, SUCCESS } from '../../protocol/states.ts'

/** What a stream begins with: when to come back after it broke off, ms. */
export const OPENING = 'retry: 2000\n\n'
/** A comment: nothing to the client, a sign of life to whatever lies between. */
export const HEARTBEAT = ':\n\n'

/** A change as an event of a stream (WHATWG HTML §9.2). Its id is there where the change has a number. */
export function eventText(step: Step): string {
  if (step === 'gap') return `${field('event', 'reset')}${field('data', '{}')}\n`
  const { type, data } = contentOf(step)
  const id = step.seq === undefined ? '' : field('id', String(step.seq))
  // JSON has no line break in it.
  return `${id}${field('event', type)}${field('data', toJson(data))}\n`
}

function field(name: string, value: string): string {
  return `${name}: ${value}\n`
}

function contentOf({ meta, emission }: Exclude<Step, 'gap'>): { type: string; data: unknown } {
  if (emission) return emissionContent(emission)
  const { state, result, progress, attempt, error } = infoOf(meta)
  const said = error && { type: error.type, message: error.message }
  if (meta.problem && isOver(meta)) return { type: 'error', data: { state, ...said } }
  switch (state) {
    case SUCCESS:
      return { type: 'result', data: result ?? null }
    case FAILURE:
    case REVOKED:
      return { type: 'error', data: { state, ...said } }
    case PROGRESS:
      if (error) break
      return { type: 'progress', data: progress ?? null }
  }
  return { type: 'state', data: { state, attempt, progress, error: said } }
}

function emissionContent({ kind, attempt, value }: Emission): { type: string; data: unknown } {
  return { type: kind, data: kind === 'chunk' ? { attempt, data: value } : { attempt, ...(value as LogLine) } }
}
