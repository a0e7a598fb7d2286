import type { RetriedDocument } from '../../../protocol/recordedDocument.ts'
import type { Asked, Series } from './plan.ts'

/** Jobs are submitted once more. `ask` sends one of the requests. */
export function retrySeries(ask: (asked: Asked) => Promise<RetriedDocument>): Series {
  return async (asked) => {
    const { ids, inputNotKept, unfit, before, retried, cursor } = await ask(asked)
    const count = asked.dryRun ? ids.length - inputNotKept.length : Object.keys(retried).length
    const left = {
      'have no input that was kept': inputNotKept.length,
      'have no record any more, or another state': unfit.length,
      'were submitted again before': before.length,
    }
    return { count, left, cursor }
  }
}
