import { basename } from 'node:path'
import type { App } from '../app/app.ts'
import { banner } from '../worker/banner.ts'
import type { PoolKind, Worker } from '../worker/worker.ts'
import { freeName, workerName } from './hostname.ts'
import type { AppOptions } from './loadApp.ts'
import { say } from './say.ts'
import { COLD_EXIT_CODE, stopped } from './stop.ts'
import { version } from './version.ts'

/** Options of the commands that run tasks; times in ms. */
export interface WorkerCommandOptions extends AppOptions {
  concurrency?: number
  pool?: PoolKind
  queues?: string[]
  prefetchMultiplier?: number
  disablePrefetch?: boolean
  maxTasksPerChild?: number
  maxMemoryPerChild?: number
  childHeap?: number
  hostname?: string
  grace: number
}

/**
 * A worker that has shown its banner, logs what happens, and is yet to be started. Rejects when the store does not
 * answer.
 */
export async function prepareWorker(app: App, options: WorkerCommandOptions): Promise<Worker> {
  const { defaultName, Worker } = await import('../worker/worker.ts')
  const { concurrency, pool, queues, hostname, grace, app: module } = options
  const { maxTasksPerChild, maxMemoryPerChild, childHeap } = options
  const children = { maxTasksPerChild, maxMemoryPerChild, childHeap }
  const { prefetchMultiplier, disablePrefetch } = options
  const ahead = { prefetchMultiplier, disablePrefetch }
  const settings = { ...ahead, concurrency, pool, queues, grace, module, ...children }
  const named = hostname === undefined ? undefined : workerName(hostname)
  let worker = new Worker(app, { ...settings, hostname: named })
  // Wrong options are reported before the store is opened.
  if (named === undefined) worker = new Worker(app, { ...settings, hostname: await freeName(app, defaultName) })
  const { broker, backend } = await app.connect()
  await Promise.all(worker.queues.map((queue) => app.queueSize(queue)))
  process.stdout.write(
    `${banner({
      version: version(),
      hostname: worker.hostname,
      app: app.config.name,
      module: module === undefined ? undefined : basename(module),
      broker,
      backend,
      concurrency: worker.pool.size,
      pool: worker.pool.kind,
      queues: worker.queues,
      tasks: app.tasks.keys(),
    })}\n`,
  )
  // One task's forgotten promise must not end the process with all the others that run in it.
  process.on('unhandledRejection', (error) => {
    app.signals.emit('worker:error', { error, doing: 'a promise was rejected without a handler' })
  })
  return worker
}

/** Start a worker and run it until a signal ends it; `close` goes along with its stop. Resolves with the exit code. */
export async function runWorker(
  worker: Worker,
  { grace }: WorkerCommandOptions,
  hooks: { ready?(): Promise<void>; close?(): Promise<void> } = {},
): Promise<number> {
  const { logger } = worker.app.config
  const starting = worker.start()
  // Listening before it is ready: a signal of this moment must not cut off what it has taken already.
  const ending = stopped({
    warm: async () => {
      await starting
      say(logger, stopText(worker.busy, grace))
      await Promise.all([hooks.close?.(), worker.stop({ reason: 'signal' })])
    },
    cold: async () => {
      say(logger, 'stopping at once: running tasks are requeued')
      await starting
      await worker.stop({ grace: 0, reason: 'signal' })
    },
  })
  const [, code] = await Promise.all([
    starting.then(() => hooks.ready?.()),
    Promise.race([ending, lost(worker, hooks)]),
  ])
  return code
}

/** Resolves when the worker has stopped by itself, as its store was lost. */
function lost(worker: Worker, hooks: { close?(): Promise<void> }): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.app.on('worker:shutdown', ({ reason }) => {
      if (reason !== 'store lost') return
      say(worker.app.config.logger, 'stopping: the store is lost')
      // After this event: the stop that it announces has then begun.
      setImmediate(() => Promise.all([hooks.close?.(), worker.stop()]).then(() => resolve(COLD_EXIT_CODE), reject))
    })
  })
}

/** The text of a worker that begins to stop, and how to stop it at once. */
function stopText(busy: number, grace: number): string {
  if (busy === 0) return 'stopping: no task runs'
  const tasks = busy === 1 ? '1 task runs' : `${busy} tasks run`
  return `stopping: ${tasks}, waiting at most ${grace / 1000} s, then requeued; a second signal stops at once`
}
