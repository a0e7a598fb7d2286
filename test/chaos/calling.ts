import { randomUUID } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, TimeoutError } from 'celeriac'
import { momentsFrom } from './moment.ts'
import { readSettings } from './settings.ts'

/** Pause of a lane between two calls, ms. */
const PAUSE = 30

/**
 * Sends tasks to one queue and waits for their results, some calls at a time, and keeps a journal: `a` attempted, `d`
 * acknowledged, `x` neither is known, `o` an outcome.
 */
export class Calling {
  paused = false
  readonly #app: App
  readonly #queue: string
  readonly #file: number
  readonly #moment: () => number

  constructor(app: App, queue: string) {
    const { journal, epoch } = readSettings()
    this.#app = app
    this.#queue = queue
    this.#file = openSync(journal, 'a')
    this.#moment = momentsFrom(epoch)
  }

  async run(lanes: number): Promise<void> {
    await Promise.all(Array.from({ length: lanes }, () => this.#lane()))
  }

  async #lane(): Promise<never> {
    for (;;) {
      if (!this.paused) await this.#call()
      await sleep(this.#queue === 'celery' ? PAUSE : 2 * PAUSE)
    }
  }

  async #call(): Promise<void> {
    const taskId = randomUUID()
    this.#note('a', taskId, this.#queue)
    try {
      await this.#app.send('chaos.mark', [Math.round(Math.random() * 30)], { taskId, queue: this.#queue })
      this.#note('d', taskId)
    } catch (error) {
      // It may be stored or not: a client that has no answer.
      this.#note('x', taskId, (error as Error).name)
      return
    }
    if (this.#queue === 'celery') await this.#outcome(taskId)
  }

  async #outcome(taskId: string): Promise<void> {
    for (;;) {
      try {
        const result = await this.#app.result(taskId).get({ timeout: '5s' })
        this.#note('o', taskId, `SUCCESS ${JSON.stringify(result)}`)
        return
      } catch (error) {
        // Where others read results too, the runner does.
        if (this.paused && error instanceof TimeoutError && !readSettings().callerOnly) return
        await sleep(200)
      }
    }
  }

  #note(mark: string, id: string, more = ''): void {
    writeSync(this.#file, `${mark} ${id} ${this.#moment()} ${more}\n`)
  }
}
