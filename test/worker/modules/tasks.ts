import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'

/** Tasks for pools and processes: each says by its state that it runs. */
export function define(app: App): App {
  const add = app.task('add', (x: number, y: number) => x + y)
  /** Sends another, and says which. */
  app.task('send', async () => (await add.delay(1, 2)).id)
  /** Computes without ever looking up. */
  app.task('spin', async () => {
    await currentTask()?.updateState('SPINNING')
    for (;;);
  })
  /** Waits for its signal, and ends by it. */
  app.task('obey', async () => {
    const { signal, updateState } = bound()
    await updateState('WAITING')
    await new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  /** Hears its signal, and takes this long to clean up before it ends well. */
  app.task('tidy', async (wait: number) => {
    const { signal, updateState } = bound()
    // Where the machine is slow a revoke may come before this returns, which then throws.
    await updateState('WAITING').catch(() => undefined)
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await new Promise((resolve) => setTimeout(resolve, wait))
    return 'tidied'
  })
  /** Ignores everything, without blocking. */
  app.task('deaf', async (wait: number) => {
    await currentTask()?.updateState('WAITING')
    await new Promise((resolve) => setTimeout(resolve, wait).unref())
  })
  /** Computes, but says now and then how far it is. */
  app.task('polite', async () => {
    for (let n = 0; ; n++) await currentTask()?.progress(n)
  })
  /** Holds up the whole event loop for this long, ms. */
  app.task('block', async (time: number) => {
    await currentTask()?.updateState('BLOCKING')
    // So that the state is written before.
    await new Promise((resolve) => setTimeout(resolve, 50))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time)
    return process.pid
  })
  /** Never ends the first time. */
  app.task('stuck', async () => {
    if (currentTask()?.redelivered) return process.pid
    await currentTask()?.updateState('STUCK')
    return new Promise<number>(() => undefined)
  })
  app.task('exit', () => process.exit(3))
  app.task('exitAgain', () => process.exit(3), { rejectOnWorkerLost: true })
  return app
}

function bound(): { signal: AbortSignal; updateState: (state: string) => Promise<void> } {
  const task = currentTask()
  if (!task) throw new Error('expected to run as a task')
  return { signal: task.signal, updateState: (state) => task.updateState(state) }
}

export const app: App = define(new App({ logger: createLogger('silent') }))
