import type { AbortReason } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import type { Logger } from '../../../std/log.ts'
import { Stop } from '../../../std/stopSignal.ts'
import type { Emit } from '../../../tasks/outputBuffer.ts'
import type { WorkerApp } from '../../workerApp.ts'
import { runTogether, type Together } from '../together.ts'
import type { Channel } from './channel.ts'
import type { BatchedJob } from './messages.ts'
import { UnpackedJob } from './packedJob.ts'

/** Jobs that one run in this child takes together. */
export class ChildBatch {
  readonly #channel: Channel
  readonly #items: readonly Item[]
  readonly #abort = new Stop()
  #isOver = false

  constructor(jobs: readonly BatchedJob[], channel: Channel) {
    this.#channel = channel
    this.#items = jobs.map(({ job, abort, emits }) => {
      const stop = new Stop()
      if (abort) stop.abort(abort)
      return { job: new UnpackedJob(job), stop, emits, emitted: [] }
    })
  }

  /** Their outcomes. Never rejects. */
  async run(app: Pick<WorkerApp, 'runJob'>, log: Logger): Promise<readonly Outcome[]> {
    const jobs = this.#items.map((item, at): Together => ({ job: item.job, host: this.#hostOf(item, at) }))
    const outcomes = await runTogether(app, jobs, { signal: this.#abort, log })
    this.#isOver = true
    return outcomes
  }

  /** Ask one of them to stop, or all. */
  abort(reason: AbortReason, item?: number): void {
    if (item === undefined) this.#abort.abort(reason)
    else this.#items[item]?.stop.abort(reason)
  }

  /** So many more emissions of an item were stored. */
  taken(id: string, count: number, at: number): void {
    const item = this.#items[at]
    if (item?.job.id === id) for (const taken of item.emitted.splice(0, count)) taken()
  }

  #hostOf({ stop, emits, emitted }: Item, item: number): Together['host'] {
    const emit: Emit = (emission, taken) => {
      if (this.#isOver) return taken()
      emitted.push(taken)
      this.#channel.send({ type: 'emit', emission, item })
    }
    return {
      signal: stop,
      report: (report) => {
        if (!this.#isOver) this.#channel.send({ type: 'report', report, item })
      },
      sendEvent: (event, fields) => {
        if (!this.#isOver) this.#channel.send({ type: 'event', event, fields, item })
      },
      emit: emits ? emit : undefined,
    }
  }
}

interface Item {
  readonly job: UnpackedJob
  readonly stop: Stop
  readonly emits: boolean
  /** Notified of what is stored, the first that was emitted first. */
  readonly emitted: (() => void)[]
}
