import { basename } from 'node:path'
import type { App } from '../app/app.ts'
import type { TaskPool } from '../config/taskValues.ts'
import { withDeadline } from '../std/deadline.ts'
import { STOPPED_CODE } from '../std/stopSignal.ts'
import { codeOf } from '../std/thrown.ts'
import { version } from '../std/version.ts'
import { banner } from '../worker/banner.ts'
import { WORKER_OPTIONS } from '../worker/options.ts'
import type { Autoscale, PoolKind, Worker, WorkerOptions } from '../worker/worker.ts'
import { freeName, workerName } from './hostname.ts'
import type { AppOptions } from './loadApp.ts'
import { say } from './say.ts'
import { COLD_EXIT_CODE, stopped, WARM_EXIT_CODE } from './stop.ts'

/** Options of the commands that run tasks; times in ms. */
export interface WorkerCommandOptions extends AppOptions {
  concurrency?: number
  pool?: PoolKind
  autoscale?: Autoscale
  taskPools?: Partial<Record<TaskPool, number>>
  queues?: string[] | Record<string, number>
  prefetchMultiplier?: number
  disablePrefetch?: boolean
  workerDirect?: boolean
  excludeQueues?: string[]
  maxTasks?: number
  purge?: boolean
  maxTasksPerChild?: number
  maxMemoryPerChild?: number
  childHeap?: number
  maxEventLoopUtilization?: number
  maxMemory?: number
  timeLimit?: number
  softTimeLimit?: number
  maxWorkerLosses?: number
  maxChildLosses?: number
  control?: readonly string[] | false
  profileFolder?: string
  hostname?: string
  grace: number
  maxOutage?: number
  taskEvents?: boolean
  heartbeatInterval?: number
  withoutHeartbeat?: boolean
  softShutdownTimeout?: number
}

/** Those of the command that are options of a worker, too, by the same names. */
function workerOptions({ withoutHeartbeat = false, ...options }: WorkerCommandOptions): WorkerOptions {
  const given = Object.entries(options).filter(([name]) => Object.hasOwn(WORKER_OPTIONS, name))
  return { ...Object.fromEntries(given), ...(withoutHeartbeat && { heartbeatInterval: 0 }) }
}

/**
 * A worker that has shown its banner, logs what happens, and is yet to be started. Rejects when the store does not
 * answer.
 */
export async function prepareWorker(app: App, options: WorkerCommandOptions): Promise<Worker> {
  const { defaultName, Worker } = await import('../worker/worker.ts')
  const { hostname, app: module } = options
  const settings = { ...workerOptions(options), module }
  const named = hostname === undefined ? undefined : workerName(hostname)
  let worker = new Worker(app, { ...settings, hostname: named })
  // Wrong options are reported before the store is opened.
  if (named === undefined) worker = new Worker(app, { ...settings, hostname: await freeName(app, defaultName) })
  const { broker, backend, note } = await app.connect()
  await Promise.all(worker.queues.map((queue) => app.queueSize(queue)))
  process.stdout.write(
    `${banner({
      version: version(),
      hostname: worker.hostname,
      app: app.config.name,
      module: module === undefined ? undefined : basename(module),
      broker,
      note,
      backend,
      pools: worker.pools,
      autoscale: worker.autoscale,
      queues: worker.queues,
      tasks: app.tasks.keys(),
    })}\n`,
  )
  if (options.purge) await (await import('./purgeQueues.ts')).purgeQueues(app, worker.queues)
  // One task's forgotten promise must not end the process with all the others that run in it.
  process.on('unhandledRejection', (error) => {
    app.signals.emit('worker:error', { error, doing: 'a promise was rejected without a handler' })
  })
  return worker
}

/** How long a cold stop waits for a worker that still starts, ms. */
const COLD_START_MS = 1000

/** What a command does around a worker. */
interface Around {
  ready?(): Promise<void>
  /** Goes along with its stop. */
  close?(): Promise<void>
  /** It belongs to a supervisor: SIGTSTP makes it quiet, and REMAP_SIGTERM holds. */
  readonly isService?: boolean
}

/** Start a worker and run it until a signal ends it. Resolves with the exit code. Rejects with ConfigError. */
export async function runWorker(
  worker: Worker,
  { grace, softShutdownTimeout: soft = 0 }: WorkerCommandOptions,
  { isService = false, ...hooks }: Around = {},
): Promise<number> {
  const { logger } = worker.app.config
  const remap = isService ? process.env.REMAP_SIGTERM : undefined
  const signals = remap ? (await import('./remap.ts')).workerSignals(remap) : undefined
  // After this function listens to signals: a hook may run at once.
  const begun = Promise.resolve()
  const starting = begun.then(() => worker.start())
  let isStarted = false
  const stop = async (text: () => string, options: Parameters<Worker['stop']>[0]): Promise<void> => {
    await begun
    say(logger, text())
    await Promise.all([hooks.close?.(), worker.stop({ ...options, reason: 'signal' })])
  }
  const quiet = async (): Promise<void> => {
    await starting
    say(logger, 'quiet: takes no more tasks; SIGTERM ends it')
    await worker.quiet()
  }
  const softText = `stopping: waiting at most ${soft / 1000} s, then running tasks are requeued`
  // Listening before it is ready: a signal of this moment must not cut off what it has taken already.
  const ending = stopped(
    {
      ...(isService && { quiet }),
      warm: () => stop(() => stopText(worker.busy, grace, soft), { grace }),
      ...(soft > 0 && { soft: () => stop(() => softText, { grace: soft }) }),
      cold: async () => {
        await begun
        say(logger, 'stopping at once: running tasks are requeued')
        const stopping = worker.stop({ grace: 0, reason: 'signal' })
        // The store may keep it from starting.
        await (isStarted ? stopping : withDeadline(stopping, COLD_START_MS, () => undefined))
      },
    },
    signals,
  )
  const ready = starting.then(() => {
    isStarted = true
    return hooks.ready?.()
  })
  // Its failure ends the command; its success does not, nor that it was stopped before.
  const failed = ready.catch(unlessStopped).then(() => new Promise<never>(() => undefined))
  return Promise.race([ending, stoppedItself(worker, hooks), failed])
}

function unlessStopped(error: unknown): void {
  if (codeOf(error) !== STOPPED_CODE) throw error
}

/** How a worker ends that stops by itself: by the reason of its signal. */
const OWN_ENDS: Readonly<Record<string, { readonly text: string; readonly code: number }>> = {
  'store lost': { text: 'stopping: the store is lost', code: COLD_EXIT_CODE },
  'remote control': { text: 'stopping: remote control asked for it', code: WARM_EXIT_CODE },
  'max tasks': { text: 'stopping: it has run as many tasks as --max-tasks allows', code: WARM_EXIT_CODE },
}

/** Resolves with the exit code when the worker has stopped by itself. */
function stoppedItself(worker: Worker, { close }: Around): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.app.on('worker:shutdown', ({ reason }) => {
      const end = OWN_ENDS[reason]
      if (!end) return
      say(worker.app.config.logger, end.text)
      // After this event: the stop that it announces has then begun.
      setImmediate(() => Promise.all([close?.(), worker.stop()]).then(() => resolve(end.code), reject))
    })
  })
}

/** The text of a worker that begins to stop, and how to stop it at once. */
function stopText(busy: number, grace: number, soft: number): string {
  if (busy === 0) return 'stopping: no task runs'
  const tasks = busy === 1 ? '1 task runs' : `${busy} tasks run`
  const second = soft === 0 ? 'stops at once' : `waits at most ${soft / 1000} s`
  return `stopping: ${tasks}, waiting at most ${grace / 1000} s, then requeued; a second signal ${second}`
}
