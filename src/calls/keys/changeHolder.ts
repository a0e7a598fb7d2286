import type { ChangedJob } from '../../backend/unitOfWork.ts'
import type { FoundMessage } from '../../broker/broker.ts'
import { type CallFacts, callHeaders, headerOf } from '../../protocol/callHeaders.ts'
import { pythonIso } from '../../protocol/iso.ts'
import { argumentsEdit } from '../../protocol/messageEdit.ts'
import { isFinal } from '../../protocol/states.ts'
import { isoOf } from '../../std/clock.ts'
import type { OpenStores } from '../../stores/open.ts'
import type { Given } from '../../tasks/bind.ts'
import type { Holder } from './guard.ts'
import { hasBegun } from './holderState.ts'

/** What a job that waits becomes. */
export interface HolderChange {
  readonly given: Given
  /** Of the input. */
  readonly version: CallFacts['version']
  readonly typedJson: boolean
  /** When it is due from now on, from when it is due now; ms since the epoch. Absent: as before. */
  readonly due?: (before: number | undefined) => number
  readonly now: number
  /** Also one that waits for its next attempt. */
  readonly alsoBegun: boolean
}

/** The job has begun, or has ended: it keeps its input. */
class Begun extends Error {}

/** Give a job that waits another input. False where it does not wait: then nothing is changed. */
export async function changeHolder(holder: Holder, change: HolderChange, stores: OpenStores): Promise<boolean> {
  const { unitOfWork, backend } = stores
  const decide = (found: FoundMessage, known: { readonly status: string } | undefined): ChangedJob => {
    if ((known && isFinal(known.status)) || (!change.alsoBegun && hasBegun(found))) throw new Begun()
    return changed(found, change)
  }
  try {
    if (await unitOfWork.change?.(holder.id, holder.queue, decide)) return true
    // By hand, a job can be moved to another queue.
    const queue = (await backend.load([holder.id]))[0]?.queue
    if (queue === undefined || queue === holder.queue) return false
    return (await unitOfWork.change?.(holder.id, queue, decide)) === true
  } catch (error) {
    if (error instanceof Begun) return false
    throw error
  }
}

function changed(found: FoundMessage, { given, version, typedJson, due, now }: HolderChange): ChangedJob {
  const { envelope } = found
  const edit = argumentsEdit(envelope, given, typedJson)
  const name = headerOf('version')
  const versioned =
    version === undefined ? (name in envelope.headers ? { [name]: null } : {}) : callHeaders({ version })
  const headers: Record<string, unknown> = { ...edit.headers, ...versioned }
  const moment = due?.(found.due)
  if (moment === undefined) return { ...edit, headers, record: { input: edit.body } }
  const isAhead = moment > now
  headers.eta = isAhead ? pythonIso(new Date(moment)) : null
  return { ...edit, headers, notBefore: moment, record: { due: isAhead ? isoOf(moment) : null, input: edit.body } }
}
