import type { DeadLetterFilterOptions } from '../../../client/client.ts'
import { client } from '../../api/client.ts'
import type { Asked, Plan, Step } from '../../parts/bulk/plan.ts'
import { isEmpty } from './deadFilter.ts'

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

/** Send them again in steps, the oldest first. `rateOf`: as `300/m`; empty: as fast as it goes. */
export function redrivePlan(filter: DeadLetterFilterOptions, rateOf: () => string): Plan {
  const which = { ...filter, ...(isEmpty(filter) && { all: true }) }
  /** Those that die again meanwhile are not sent once more. */
  let open = 0
  let pause = 0
  const step = async ({ dryRun, signal }: Asked): Promise<Step> => {
    if (dryRun) {
      const { ids } = await client.deadLetters.redrive({ ...which, dryRun, signal })
      open = ids.length
      return { count: open, left: {} }
    }
    if (pause > 0) await wait(pause, signal)
    const rate = rateOf()
    pause = intervalOf(rate) ?? 0
    const batch = pause === 0 ? BATCH : Math.max(1, Math.floor(REQUEST_MS / pause))
    const asked = { ...which, ...(rate !== '' && { rate }), limit: Math.min(batch, open), signal }
    const { ids, succeeded, gone } = await client.deadLetters.redrive(asked)
    const done = ids.length + succeeded.length + gone.length
    open -= done
    const left = {
      'were dropped, as their jobs had succeeded': succeeded.length,
      'were sent or dropped by another request': gone.length,
    }
    return { count: ids.length, left, cursor: done > 0 && open > 0 ? 'next' : undefined }
  }
  return { series: [step], left: {} }
}

/** Rejects when the signal aborts. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
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
