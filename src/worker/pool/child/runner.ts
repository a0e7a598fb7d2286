import { internalsOf } from '../../../app/internals.ts'
import { loadApp } from '../../../app/loadApp.ts'
import { errorInfo } from '../../../protocol/exception.ts'
import type { AbortReason, Job } from '../../../protocol/job.ts'
import type { Outcome } from '../../../protocol/outcome.ts'
import { EncodeError } from '../../../std/errors.ts'
import type { Logger } from '../../../std/log.ts'
import { asError } from '../../../std/thrown.ts'
import type { JobHost } from '../../../tasks/jobContext.ts'
import type { Emit } from '../../../tasks/outputBuffer.ts'
import type { WorkerApp } from '../../workerApp.ts'
import type { Channel } from './channel.ts'
import { ChannelLogger } from './channelLogger.ts'
import type { ChildBatch } from './childBatch.ts'
import type { ChildCompleting } from './childCompleting.ts'
import { loadFailureOf } from './loadFailure.ts'
import type { BatchedJob, ChildData, ToChild } from './messages.ts'
import { UnpackedJob } from './packedJob.ts'

/*
 * What runs in a child, a thread or a process: it loads the task module, then runs one job after another.
 *
 * Messages arrive when the event loop turns. A task that computes without awaiting anything does therefore not see
 * `ctx.signal` abort, polled or not: it awaits `ctx.progress()` now and then, which lets the loop turn, or it is ended
 * by force.
 */

/**
 * Load the task module, then run what comes over the channel. Resolves when the module is loaded: messages are not
 * received before, so that a module that waits for nothing ends its child.
 */
export async function serveChannel(channel: Channel, data: ChildData): Promise<void> {
  const log = new ChannelLogger(channel)
  try {
    const app = await startApp(data, log)
    const runner = new JobRunner(internalsOf(app), () => app.close(), data, channel, log)
    channel.onMessage((message) => void runner.handle(message))
  } catch (error) {
    channel.send({ type: 'failed', error: loadFailureOf(error) })
    return
  }
  channel.send({ type: 'ready' })
}

/** The app of the task module, with its hooks run. */
async function startApp({ module, pool, broker, backend }: ChildData, log: Logger): ReturnType<typeof loadApp> {
  const app = await loadApp(module)
  app.configure({ broker, backend, logger: log })
  try {
    await internalsOf(app).hooks.childInit.run({ pool })
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

type RunnerApp = Pick<WorkerApp, 'runJob' | 'resources' | 'hooks'>

/** Runs the jobs that come over the channel, one at a time. */
class JobRunner {
  readonly #app: RunnerApp
  readonly #closeApp: () => Promise<void>
  readonly #data: ChildData
  readonly #channel: Channel
  readonly #log: Logger
  #current: AbortController | undefined
  /** The jobs that run, where they run together. */
  #batch: Promise<ChildBatch> | undefined
  /** Of the job that runs, and what it emitted that is not stored yet. */
  #id: string | undefined
  #emitted: (() => void)[] = []
  /** Of a job that ends in a transaction of its own. */
  #completing: ChildCompleting | undefined

  constructor(app: RunnerApp, closeApp: () => Promise<void>, data: ChildData, channel: Channel, log: Logger) {
    this.#app = app
    this.#closeApp = closeApp
    this.#data = data
    this.#channel = channel
    this.#log = log
  }

  async handle(message: ToChild): Promise<void> {
    if (message.type === 'run')
      await (message.batch ? this.#runBatch(message.batch, message.abort) : this.#run(message))
    else if (message.type === 'taken') await this.#taken(message)
    else if (message.type === 'abort') await this.#abort(message)
    else if (message.type === 'completion') this.#completing?.answer(message.completion)
    else await this.#close()
  }

  async #runBatch(jobs: readonly BatchedJob[], abort: AbortReason | undefined): Promise<void> {
    this.#batch = import('./childBatch.ts').then(({ ChildBatch: Batch }) => new Batch(jobs, this.#channel))
    const batch = await this.#batch
    if (abort) batch.abort(abort)
    const outcomes = await batch.run(this.#app, this.#log)
    this.#batch = undefined
    const memory = this.#data.measures ? this.#channel.memory() : undefined
    try {
      this.#channel.send({ type: 'allDone', outcomes, memory })
    } catch {
      this.#channel.send({ type: 'allDone', outcomes: outcomes.map(sendable), memory })
    }
  }

  async #run({ job: packed, abort: reason, emits }: Extract<ToChild, { type: 'run' }>): Promise<void> {
    const job = new UnpackedJob(packed)
    const abort = new AbortController()
    if (reason) abort.abort(reason)
    this.#current = abort
    this.#id = job.id
    this.#emitted = []
    const emit: Emit = (emission, taken) => {
      if (this.#current !== abort) return taken()
      this.#emitted.push(taken)
      this.#channel.send({ type: 'emit', emission })
    }
    const outcome = await this.#outcomeOf(job, {
      signal: abort.signal,
      report: (report) => {
        if (this.#current === abort) this.#channel.send({ type: 'report', report })
      },
      sendEvent: (event, fields) => {
        if (this.#current === abort) this.#channel.send({ type: 'event', event, fields })
      },
      emit: emits ? emit : undefined,
      completing: () => this.#complete(),
      log: this.#log,
    })
    this.#current = undefined
    const memory = this.#data.measures ? this.#channel.memory() : undefined
    try {
      this.#channel.send({ type: 'done', outcome, memory })
    } catch (error) {
      // A value that serializes but cannot cross, as an object with its own toJSON and a function in it.
      this.#channel.send({ type: 'done', outcome: { kind: 'failure', error: errorInfo(uncloneable(error)) }, memory })
    }
  }

  /** A job that never ends would keep its slot for ever: a defect is its failure. */
  async #outcomeOf(job: Job, host: JobHost): Promise<Outcome> {
    try {
      return await this.#app.runJob(job, host)
    } catch (error) {
      return { kind: 'failure', error: errorInfo(error) }
    }
  }

  async #complete(): Promise<ChildCompleting> {
    const { ChildCompleting: Completing } = await import('./childCompleting.ts')
    this.#completing = new Completing(this.#channel)
    return this.#completing
  }

  async #abort({ reason, item }: Extract<ToChild, { type: 'abort' }>): Promise<void> {
    if (this.#batch) (await this.#batch).abort(reason, item)
    else this.#current?.abort(reason)
  }

  async #taken({ id, count, item }: Extract<ToChild, { type: 'taken' }>): Promise<void> {
    if (item !== undefined) (await this.#batch)?.taken(id, count, item)
    else if (id === this.#id) for (const taken of this.#emitted.splice(0, count)) taken()
  }

  async #close(): Promise<void> {
    const { hooks, resources } = this.#app
    this.#channel.send({ type: 'closing', limit: hooks.childShutdown.limit + resources.limit })
    await hooks.childShutdown.runAll({ pool: this.#data.pool }, this.#log)
    try {
      await this.#closeApp()
    } catch (error) {
      this.#log.error({ err: asError(error) }, 'a child of the pool could not close its stores')
    }
    this.#channel.send({ type: 'closed' })
  }
}

/** The outcome, if it can cross; else the failure that says why it cannot. */
function sendable(outcome: Outcome): Outcome {
  try {
    return structuredClone(outcome)
  } catch (error) {
    return { kind: 'failure', error: errorInfo(uncloneable(error)) }
  }
}

function uncloneable(error: unknown): Error {
  return new EncodeError(`result: cannot be sent to the worker: ${asError(error).message}`)
}
