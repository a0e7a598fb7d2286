import type { RunningTaskDocument, WorkerDocument } from '../../../protocol/workerDocument.ts'

/** A worker as it was described at a moment of this browser, ms: ages count on from then. */
export interface SeenWorker extends WorkerDocument {
  readonly at: number
}

export function seenNow(worker: WorkerDocument): SeenWorker {
  return { ...worker, at: Date.now() }
}

/** Whose program it is; undefined where it does not answer, and nothing is recorded of it. */
export function softwareOf({ software, answers, ready }: WorkerDocument): 'celeriac' | 'celery' | undefined {
  if (software !== undefined) return software === 'celeriac' ? 'celeriac' : 'celery'
  // Ours all say whether they are ready.
  if (answers) return ready === undefined ? 'celery' : 'celeriac'
  return undefined
}

/** As `celeriac 0.1.0`, `Celery 5.2.6`. */
export function softwareText(worker: WorkerDocument): string {
  const kind = softwareOf(worker)
  if (kind === undefined) return 'unknown'
  return `${kind === 'celery' ? 'Celery' : kind}${worker.version === undefined ? '' : ` ${worker.version}`}`
}

/** `threads` of `celeriac:threads`, `prefork` of `celery.concurrency.prefork:TaskPool`. */
export function poolText({ pool }: WorkerDocument): string {
  if (!pool) return '–'
  const { kind = pool.pids ? 'processes' : 'pool' } = pool
  const [, name = kind] = /^celery\.concurrency\.(\w+):/.exec(kind) ?? /^celeriac:(.+)$/.exec(kind) ?? []
  return pool.size === undefined ? name : `${name} × ${pool.size}`
}

/** When it was started, by the clock of this browser. */
export function startOf({ at, uptime }: SeenWorker): number | undefined {
  return uptime === undefined ? undefined : at - uptime * 1000
}

/** When a task of it began, by the clock of this browser: that of the worker may be another. */
export function beginOf({ at }: SeenWorker, { age }: RunningTaskDocument): number | undefined {
  return age === undefined ? undefined : at - age * 1000
}

/** What the list can be sorted by. */
export type WorkerColumn = 'name' | 'running' | 'reserved' | 'processed' | 'cpu' | 'memory' | 'loop' | 'uptime'

const VALUES: Readonly<Record<Exclude<WorkerColumn, 'name'>, (worker: WorkerDocument) => number | undefined>> = {
  running: ({ running }) => running?.length,
  reserved: ({ reserved }) => reserved,
  processed: ({ processed }) => processed,
  cpu: ({ cpu }) => cpu,
  memory: memoryOf,
  loop: ({ loop }) => loop,
  uptime: ({ uptime }) => uptime,
}

/** What it takes now; of Celery's the most that it took. */
export function memoryOf({ rss, maxRss }: WorkerDocument): number | undefined {
  return rss ?? maxRss
}

/** Those whose name has this text, in this order: names from A, numbers from the largest; `isUp` turns it round. */
export function chosenWorkers<Worker extends WorkerDocument>(
  workers: readonly Worker[],
  { text, by, isUp }: { readonly text: string; readonly by: WorkerColumn; readonly isUp: boolean },
): readonly Worker[] {
  const wanted = text.trim().toLowerCase()
  const found = workers.filter(({ name }) => name.toLowerCase().includes(wanted))
  const byName = (a: Worker, b: Worker): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const turn = isUp ? -1 : 1
  if (by === 'name') return found.sort((a, b) => byName(a, b) * turn)
  const read = VALUES[by]
  return found.sort((a, b) => {
    const [one, other] = [read(a), read(b)]
    // What is not known comes last, in both orders.
    if (one === undefined || other === undefined)
      return Number(one === undefined) - Number(other === undefined) || byName(a, b)
    return (other - one) * turn || byName(a, b)
  })
}
