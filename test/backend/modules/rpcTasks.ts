import type { App } from '../../../src/app/app.ts'
import { currentTask } from '../../../src/tasks/current.ts'

/** The tasks of client and worker alike. */
export function define(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    fail: app.task('fail', (message: string): never => {
      throw new RangeError(message)
    }),
    /** Succeeds at the third attempt. */
    flaky: app.task(
      'flaky',
      () => {
        const attempt = currentTask()?.attempt ?? 0
        if (attempt < 3) throw new Error(`attempt ${attempt}`)
        return attempt
      },
      { retry: { max: 3, delay: 20, backoff: 'fixed', jitter: 'none' } },
    ),
    /** Progress, then a state of its own, each seen for a moment. */
    steps: app.task('steps', async (count: number) => {
      const task = currentTask()
      for (let step = 1; step <= count; step++) {
        await task?.progress({ step })
        await pause(120)
      }
      await task?.updateState('POLISHING', { of: count })
      await pause(120)
      return 'done'
    }),
    /** Ends when it is told to. */
    wait: app.task('wait', async () => {
      const task = currentTask()
      await task?.updateState('WAITING')
      await new Promise((_, reject) => {
        task?.signal.addEventListener('abort', () => reject(task.signal.reason))
      })
    }),
    bytes: app.task('bytes', (size: number) => new Uint8Array(size).fill(7)),
    unsendable: app.task('unsendable', () => () => 1),
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
