import type { Settlement } from '../../backend/unitOfWork.ts'
import { pauseForStore } from '../../broker/storeBackoff.ts'
import { type Fault, faultOf, isRefusedToAll } from '../../broker/storeErrors.ts'
import type { Stores } from '../../calls/stores.ts'
import { asError } from '../../std/thrown.ts'
import type { WorkerApp } from '../workerApp.ts'

/** What writing a settlement needs of the worker. */
export interface SettlerParts {
  readonly app: Pick<WorkerApp, 'config' | 'signals'>
  readonly stores: Stores
  /** Aborts when the worker must end at once: a store that is unavailable is then not waited for. */
  readonly stopNow: AbortSignal
}

/** One way in which a delivery may end. */
export interface Ending {
  /** Makes it; what it throws counts as this message's. */
  readonly settlement: () => Settlement
  /**
   * It holds nothing that only this message has: where the store refuses it for want of permission, it refuses
   * every message.
   */
  readonly plain?: boolean
}

/** What became of a delivery. */
export interface Settled {
  /** False: it was no longer ours, and another worker has it. */
  readonly done: boolean
  /** 0: the wanted ending was written. Above: which of the fallbacks, and `reason` is why the wanted one was not. */
  readonly step: number
  readonly reason?: unknown
}

/** How often an error of unknown kind is repeated before the message is blamed for it. */
const MAX_REPEATS = 4

/**
 * Write an ending that the store takes, the wanted one if it can be. An outage is waited for as long as it takes, and
 * then the wanted one is tried again: an outcome is not lost because the store is unavailable. An ending that is
 * refused for what it holds is followed by the next of `fallbacks`, which holds less; the last must hold the
 * acknowledgement alone, and is repeated until it is done. So every delivery ends. Undefined only after `stopNow`: then
 * the lease releases the message. `acked`: it was acknowledged before, so that only the rest is written. Never rejects.
 */
export async function settleSurely(
  wanted: () => Settlement,
  fallbacks: (reason: unknown) => readonly Ending[],
  parts: SettlerParts,
  acked = false,
): Promise<Settled | undefined> {
  for (let round = 0; ; round++) {
    const first = await attempt({ settlement: wanted }, false, parts, acked)
    if (typeof first === 'boolean') return { done: first, step: 0 }
    const settled = first.away ? undefined : await fallBack(fallbacks(first.error), first.error, parts, acked)
    if (settled || parts.stopNow.aborted) return settled
    await pauseForStore(round, parts.app.config.clock, parts.stopNow)
  }
}

/** Undefined when the store is unavailable. */
async function fallBack(
  endings: readonly Ending[],
  reason: unknown,
  parts: SettlerParts,
  acked: boolean,
): Promise<Settled | undefined> {
  for (const [at, ending] of endings.entries()) {
    const tried = await attempt(ending, at === endings.length - 1, parts, acked)
    if (typeof tried === 'boolean') return { done: tried, step: at + 1, reason }
    if (tried.away) return undefined
    tell(tried.error, parts)
  }
  return undefined
}

interface Refused {
  readonly error: unknown
  /** It is worth waiting for the store. */
  readonly away: boolean
}

/** True or false as the unit of work answers; else why it was not written. */
async function attempt(
  { settlement, plain = false }: Ending,
  last: boolean,
  parts: SettlerParts,
  acked: boolean,
): Promise<boolean | Refused> {
  const { unitOfWork } = parts.stores
  for (let repeat = 0; ; repeat++) {
    try {
      const writing = settlement()
      const done = acked ? await unitOfWork.write(writing).then(() => true) : await unitOfWork.settle(writing)
      if (done && writing.publish?.some(({ dead }) => dead)) void watchDead(parts)
      return done
    } catch (thrown) {
      const error = asError(thrown)
      const fault = faultOf(error)
      const mine = fault === 'message' && !last
      const away = isAway(fault, plain || isRefusedToAll(error), last) || (parts.stopNow.aborted && !mine)
      if (!mine) tell(error, parts)
      if (mine || away || repeat === MAX_REPEATS) return { error, away }
    }
    await pauseForStore(repeat, parts.app.config.clock, parts.stopNow)
  }
}

/** Loaded when a message is given up. Never rejects. */
async function watchDead(parts: SettlerParts): Promise<void> {
  try {
    const { deadLetterWatch } = await import('../../calls/bounds/deadLetterWatch.ts')
    deadLetterWatch(parts.stores.backend, parts.app.config).died()
  } catch (error) {
    tell(error, parts)
  }
}

/**
 * An acknowledgement alone holds nothing of the message: whatever it fails by is the store's. `ofAll`: so is a want of
 * permission.
 */
function isAway(fault: Fault | undefined, ofAll: boolean, last: boolean): boolean {
  return last || fault === 'outage' || (ofAll && fault === 'access')
}

function tell(error: unknown, { app }: SettlerParts): void {
  app.signals.emit('worker:error', { error, doing: 'settling a task' })
}
