/*
 * The entry of one thread of ThreadPool: loads the task module, then runs one job after another.
 *
 * Messages arrive when the event loop turns. A task that computes without awaiting anything does therefore not see
 * `ctx.signal` abort, polled or not: it awaits `ctx.progress()` now and then, which lets the loop turn, or it is ended
 * by force.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { internalsOf } from '../../../app/internals.ts'
import { loadApp } from '../../../app/loadApp.ts'
import { errorInfo } from '../../../protocol/exception.ts'
import { codeOf } from '../../../std/errorCode.ts'
import { ConfigError, EncodeError } from '../../../std/errors.ts'
import type { Logger } from '../../../std/log.ts'
import type { Emit } from '../../../tasks/outputBuffer.ts'
import type { WorkerApp } from '../../workerApp.ts'
import { UnpackedJob } from '../packedJob.ts'
import type { FromThread, LoadFailure, ThreadData, ToThread } from './messages.ts'
import { PortLogger } from './portLogger.ts'

/** Runs the jobs that come over the port, one at a time. */
class JobRunner {
  readonly #runJob: WorkerApp['runJob']
  readonly #closeApp: () => Promise<void>
  readonly #port: MessagePort
  readonly #log: Logger
  #current: AbortController | undefined
  /** Of the job that runs, and what it emitted that is not stored yet. */
  #id: string | undefined
  #emitted: (() => void)[] = []

  constructor(runJob: WorkerApp['runJob'], closeApp: () => Promise<void>, port: MessagePort, log: Logger) {
    this.#runJob = runJob
    this.#closeApp = closeApp
    this.#port = port
    this.#log = log
  }

  async handle(message: ToThread): Promise<void> {
    if (message.type === 'run') await this.#run(message)
    else if (message.type === 'taken') this.#taken(message.id, message.count)
    else if (message.type === 'abort') this.#current?.abort(message.reason)
    else await this.#close()
  }

  async #run({ job: packed, abort: reason, emits }: Extract<ToThread, { type: 'run' }>): Promise<void> {
    const job = new UnpackedJob(packed)
    const abort = new AbortController()
    if (reason) abort.abort(reason)
    this.#current = abort
    this.#id = job.id
    this.#emitted = []
    const emit: Emit = (emission, taken) => {
      if (this.#current !== abort) return taken()
      this.#emitted.push(taken)
      this.#send({ type: 'emit', emission })
    }
    const outcome = await this.#runJob(job, {
      signal: abort.signal,
      report: (report) => {
        if (this.#current === abort) this.#send({ type: 'report', report })
      },
      emit: emits ? emit : undefined,
      log: this.#log,
    })
    this.#current = undefined
    try {
      this.#send({ type: 'done', outcome })
    } catch (error) {
      // A value that serializes but cannot cross threads, as an object with its own toJSON and a function in it.
      this.#send({ type: 'done', outcome: { kind: 'failure', error: errorInfo(uncloneable(error)) } })
    }
  }

  #taken(id: string, count: number): void {
    if (id === this.#id) for (const taken of this.#emitted.splice(0, count)) taken()
  }

  async #close(): Promise<void> {
    try {
      await this.#closeApp()
    } catch (error) {
      this.#log.error({ err: error }, 'a thread could not close its stores')
    }
    this.#send({ type: 'closed' })
  }

  #send(message: FromThread): void {
    this.#port.postMessage(message)
  }
}

async function main(): Promise<void> {
  if (!parentPort) throw new ConfigError('expected to run in a thread of a pool, got the main thread')
  const port = parentPort
  const { module, broker, backend } = workerData as ThreadData
  const log = new PortLogger(port)
  let reply: FromThread = { type: 'ready' }
  try {
    const app = await loadApp(module)
    app.configure({ broker, backend, logger: log })
    const runner = new JobRunner(internalsOf(app).runJob, () => app.close(), port, log)
    port.on('message', (message: ToThread) => void runner.handle(message))
  } catch (error) {
    reply = { type: 'failed', error: failureOf(error) }
  }
  port.postMessage(reply)
}

function uncloneable(error: unknown): Error {
  return new EncodeError(`result: cannot cross threads: ${error instanceof Error ? error.message : String(error)}`)
}

function failureOf(error: unknown): LoadFailure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined, code: undefined }
  const { name, message, stack } = error
  return { name, message, stack, code: codeOf(error) }
}

await main()
