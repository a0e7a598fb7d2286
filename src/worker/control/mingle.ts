import { ask, parseControlOptions } from '../../control/broadcast.ts'
import { readRevoked, revokedData } from '../../protocol/control.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import type { Controlled } from './controlled.ts'

/** Most answers that are read: in a larger fleet these know what the others know. */
const MAX_ANSWERS = 1000
/** Longest wait for the next answer: as Celery's. */
const TIMEOUT = '1s'

/**
 * Exchange revoked ids with the workers that run, as Celery's mingle does: the store's list lacks those that were
 * revoked by Python programs. Beside the work, since an answer may take as long as a worker is busy: what a caller of
 * ours revoked is known before the first task.
 */
export async function mingle({ worker, app, state }: Controlled, ended: StopSignal): Promise<void> {
  const { hostname } = worker
  const revoked = revokedData(state.revoked.all(), process.hrtime()[0])
  const command = { method: 'hello', arguments: { from_node: hostname, revoked } }
  const options = parseControlOptions({ timeout: TIMEOUT, limit: MAX_ANSWERS })
  for (const reply of await ask(app, command, options, ended)) {
    for (const answer of Object.values(reply)) {
      for (const id of isRecord(answer) ? readRevoked(answer.revoked) : []) state.revoked.add(id)
    }
  }
}
