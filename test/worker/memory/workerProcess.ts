import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import type { WorkerOptions } from '../../../src/worker/worker.ts'
import type { Lab } from '../../app/lab.ts'
import type { Usage } from './usage.ts'

/** Tasks that are sent at once; the next ones follow when the last but one have ended. */
const BATCH = 500

/** A worker of `tasks.ts` in a process of its own on the lab's store, and a client; both end with the test. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #app: App

  static async start(lab: Lab, options: WorkerOptions): Promise<WorkerProcess> {
    const child = fork(new URL('./tasks.ts', import.meta.url), ['work', JSON.stringify(options)], {
      env: { ...process.env, CELERIAC_TEST_STORE: lab.url },
      execArgv: [...process.execArgv, '--expose-gc'],
    })
    const app = new App({ broker: lab.url, logger: createLogger('silent') })
    lab.after(async () => {
      child.kill('SIGKILL')
      await app.close()
    })
    await once(child, 'message')
    return new WorkerProcess(child, app)
  }

  private constructor(child: ChildProcess, app: App) {
    this.#child = child
    this.#app = app
  }

  /** Run a task so often: what it returned. */
  async run<Value>(task: string, count: number): Promise<Value[]> {
    const results: Value[] = []
    let before: Promise<Value[]> = Promise.resolve([])
    for (let sent = 0; sent < count; sent += BATCH) {
      const size = Math.min(BATCH, count - sent)
      const handles = await Promise.all(Array.from({ length: size }, (_, at) => this.#app.send(task, [at])))
      const ended = Promise.all(handles.map((handle) => handle.get({ timeout: '120s' }) as Promise<Value>))
      results.push(...(await before))
      before = ended
    }
    results.push(...(await before))
    return results
  }

  /** Of the worker itself. */
  async usage(): Promise<Usage> {
    const answer = once(this.#child, 'message')
    this.#child.send('usage')
    const [usage] = await answer
    return usage as Usage
  }

  /** Of the place where its tasks run, of which there is one. */
  async childUsage(): Promise<Usage> {
    return (await this.run<Usage>('usage', 1))[0] as Usage
  }
}
