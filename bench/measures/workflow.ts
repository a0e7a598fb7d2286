import { join } from 'node:path'
import { requireCount, requireOnce } from '../harness/delivery.ts'
import type { Flowed } from '../harness/order.ts'
import type { Performer } from '../harness/performer.ts'
import { operationFigures } from '../harness/phases.ts'
import { cpuOf } from '../harness/processes.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import { tasksOf, type WorkflowKind } from '../harness/workflows.ts'
import { quantile } from '../report/statistics.ts'
import type { Address, Store } from '../stores/store.ts'
import { settled } from './drain.ts'

/** Tasks that a worker runs at the same time: what BullMQ's own benchmarks of flows take. */
const CONCURRENCY = 50
/** Workflows before the clock starts. */
const WARMUP = 3
/** Of the window. */
const SHARE = 0.5
/** Of the members, in a quick run. */
const QUICK_SHARE = 0.1
/** More tasks than there can be. */
const LEDGER = 4_000_000

/** A worker, and how many tasks its clients have sent so far. */
interface Scene<S extends Store> {
  readonly conditions: Conditions
  readonly store: S
  readonly side: Side<S>
  readonly place: Address & { readonly root: string; readonly folder: string }
  readonly worker: Performer
  sent: number
}

/** Workflows of `members` members or steps, one at a time: from the call until the caller has all results. */
export async function workflow<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  kind: WorkflowKind,
  members: number,
): Promise<Figures> {
  return withWorker(conditions, store, side, async (scene) => {
    const { flowed, costs } = await sendAll(scene, kind, sizeOf(members, conditions))
    return { ms: quantile(flowed.ended, 0.5), 'submission ms': quantile(flowed.sent, 0.5), ...costs }
  })
}

/**
 * Chords of `members` members, until the body starts, beside as many tasks that have nothing to do with each other,
 * until the last of their results is stored; by one worker.
 */
export async function bigChord<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  members: number,
): Promise<Figures> {
  const size = sizeOf(members, conditions)
  return withWorker(conditions, store, side, async (scene) => {
    const alone = await sendAll(scene, 'tasks', size)
    const slowestAlone = await store.slowest?.()
    const chord = await sendAll(scene, 'body', size)
    const slowest = await store.slowest?.()
    const [body, independent] = [chord, alone].map(({ flowed }) => quantile(flowed.ended, 0.5)) as [number, number]
    const further = (chord.costs[OPERATIONS] ?? 0) - (alone.costs[OPERATIONS] ?? 0)
    return {
      'until the body starts, ms': body,
      'independent tasks, ms': independent,
      ratio: body / independent,
      'submission ms': quantile(chord.flowed.sent, 0.5),
      ...(OPERATIONS in chord.costs && { 'further operations/task': further }),
      ...(slowest !== undefined && { 'slowest command ms': slowest, 'of independent tasks ms': slowestAlone ?? 0 }),
      ...chord.costs,
    }
  })
}

const OPERATIONS = 'operations/task'

function sizeOf(members: number, { quick }: Conditions): number {
  return quick ? Math.ceil(members * QUICK_SHARE) : members
}

async function withWorker<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  use: (scene: Scene<S>) => Promise<Figures>,
): Promise<Figures> {
  const place = await placeOf(conditions, store, side)
  const ledger = join(conditions.folder, 'ledger')
  const worker = side.start({ role: 'work', ...place, tasks: LEDGER, ledger, concurrency: CONCURRENCY })
  try {
    await worker.next()
    const scene = { conditions, store, side, place, worker, sent: 0 }
    const figures = await use(scene)
    await worker.end()
    requireOnce(side.name, ledger, scene.sent)
    requireCount(side.name, 'messages', 0, await side.messages(store))
    requireCount(side.name, 'results', scene.sent, await side.results?.(store))
    return figures
  } finally {
    await worker.end()
  }
}

/** Have a client send workflows; what they cost for each task. */
async function sendAll<S extends Store>(
  scene: Scene<S>,
  kind: WorkflowKind,
  size: number,
): Promise<{ readonly flowed: Flowed; readonly costs: Figures }> {
  const { conditions, store, side, place, worker } = scene
  const before = await store.counters()
  const window = conditions.window * SHARE
  const client = side.start({ role: 'flow', ...place, kind, size, first: scene.sent, warmup: WARMUP, window })
  try {
    await client.next()
    const start = { worker: cpuOf(worker.pid), server: await store.cpu?.() }
    const flowed = await client.next<Flowed>()
    const end = { worker: cpuOf(worker.pid), server: await store.cpu?.() }
    const after = await settled(store, side)
    const all = flowed.workflows * tasksOf(kind, size)
    scene.sent += all
    const { tasks, cpuMicroseconds } = flowed
    const costs = {
      'client CPU µs/task': cpuMicroseconds / tasks,
      'worker CPU µs/task': (1e6 * (end.worker - start.worker)) / tasks,
      ...(start.server !== undefined &&
        end.server !== undefined && { 'server CPU µs/task': (1e6 * (end.server - start.server)) / tasks }),
      ...operationFigures(before, after, { tasks: all }),
      tasks: all,
    }
    return { flowed, costs }
  } finally {
    await client.end()
  }
}
