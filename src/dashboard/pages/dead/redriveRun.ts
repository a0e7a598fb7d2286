import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { client } from '../../api/client.ts'
import { isEmpty } from './deadFilter.ts'

/** How far it has come. */
export interface Progress {
  readonly sent: number
  /** Their jobs had succeeded meanwhile; they are dropped. */
  readonly succeeded: number
  /** Another request was faster. */
  readonly gone: number
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }
/** A request takes at most about this time, so that progress is seen, ms. */
const REQUEST_MS = 4000
/** Letters of one request where no rate is asked for. */
const BATCH = 100

/** ms between two messages of a rate as `300/m`; 0: no rate. Undefined: it is none. */
export function intervalOf(rate: string): number | undefined {
  if (rate === '') return 0
  const [, number = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,6})?)\/([smh])$/.exec(rate) ?? []
  const value = Number(number)
  return value > 0 ? (UNIT_MS[unit] ?? 0) / value : undefined
}

export interface RedriveRun {
  readonly filter: DeadLetterFilterOptions
  /** Counted before: those that die again meanwhile are not sent once more. */
  readonly total: number
  /** As `300/m`; empty: as fast as it goes. */
  readonly rate: string
  readonly signal: AbortSignal
  readonly report: (progress: Progress) => void
}

/** Send them again in steps, the oldest first, until all are done or the signal aborts. */
export async function redriveAll({ filter, total, rate, signal, report }: RedriveRun): Promise<Progress> {
  const interval = intervalOf(rate) ?? 0
  const batch = interval === 0 ? BATCH : Math.max(1, Math.floor(REQUEST_MS / interval))
  const which = { ...filter, ...(isEmpty(filter) && { all: true }), ...(rate !== '' && { rate }), signal }
  let progress: Progress = { sent: 0, succeeded: 0, gone: 0 }
  for (;;) {
    const done = progress.sent + progress.succeeded + progress.gone
    if (done >= total || signal.aborted) return progress
    const step = await client.deadLetters.redrive({ ...which, limit: Math.min(batch, total - done) })
    const { ids, succeeded, gone } = step
    if (ids.length + succeeded.length + gone.length === 0) return progress
    progress = {
      sent: progress.sent + ids.length,
      succeeded: progress.succeeded + succeeded.length,
      gone: progress.gone + gone.length,
    }
    report(progress)
    if (interval > 0) await wait(interval, signal)
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** What became of one letter that was sent again. */
export function redrivenWords(done: {
  readonly ids: readonly string[]
  readonly succeeded: readonly string[]
}): string {
  if (done.ids.length > 0) return 'The message is sent again'
  return done.succeeded.length > 0
    ? 'Its job has succeeded meanwhile: the dead letter is dropped'
    : 'It is gone: another request has sent or dropped it'
}
