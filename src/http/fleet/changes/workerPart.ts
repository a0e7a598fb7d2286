import type { App } from '../../../app/app.ts'
import type { LiveWorkersDocument } from '../../../protocol/liveDocument.ts'
import type { RunningTaskDocument, WorkerDocument } from '../../../protocol/workerDocument.ts'
import { liveWorkers } from '../live/workerAnswers.ts'
import { Listed, NO_CHANGES } from './listed.ts'
import { message, type Part } from './part.ts'

/** A little more than an answer of the workers is used again, ms. */
const INTERVAL_MS = 1050
/** Changes that are smaller are noise: a part of one core, or of the event loop; and of the memory. */
const CPU_STEP = 0.05
const MEMORY_SHARE = 0.05

/** The workers that change. */
export function workerPart(app: App): Part {
  const listed = new Listed<WorkerDocument>(isSame)
  return {
    subject: 'workers',
    interval: INTERVAL_MS,
    idle: INTERVAL_MS,
    isRecorded: false,
    async read(isWanted) {
      const changes = listed.changes(await liveWorkers(app).all()) ?? (isWanted ? NO_CHANGES : undefined)
      return changes && message('workers', changes satisfies LiveWorkersDocument)
    },
  }
}

/** Times that pass, and small changes of what is measured, are no change. */
function isSame(one: WorkerDocument, other: WorkerDocument): boolean {
  if (keyOf(one) !== keyOf(other)) return false
  const isNear = (a: number | undefined, b: number | undefined, step: number): boolean =>
    a === b || (a !== undefined && b !== undefined && Math.abs(a - b) < step)
  return (
    isNear(one.cpu ?? 0, other.cpu ?? 0, CPU_STEP) &&
    isNear(one.loop, other.loop, CPU_STEP) &&
    isNear(one.rss, other.rss, (one.rss ?? 0) * MEMORY_SHARE) &&
    isNear(one.maxRss, other.maxRss, (one.maxRss ?? 0) * MEMORY_SHARE)
  )
}

function keyOf(worker: WorkerDocument): string {
  const { uptime: _u, cpuSeconds: _s, cpu: _c, loop: _l, rss: _r, maxRss: _m, seenAt, running, ...others } = worker
  const tasks = running?.map(({ age: _, ...task }: RunningTaskDocument) => task)
  return JSON.stringify({ ...others, running: tasks, seenAt: worker.answers ? undefined : seenAt })
}
