import { randomUUID } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, chord, TimeoutError } from 'celeriac'
import { momentsFrom } from './moment.ts'
import { readSettings } from './settings.ts'

/** Pause of a lane between two calls, ms. */
const PAUSE = 30
/** The part of the calls that have limits, where these are wanted, and their keys. */
const LIMITED_SHARE = 0.3
const LIMITED_KEYS = ['red', 'green', 'blue']
/** The part of the calls that are chords, where these are wanted, and their largest header. */
const CHORD_SHARE = 0.2
const MAX_MEMBERS = 8

/**
 * Sends tasks to one queue and waits for their results, some calls at a time, and keeps a journal: `a` attempted, `d`
 * acknowledged, `x` neither is known, `o` an outcome. Of a chord the call is its body, and `m` its members.
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
    const isChord = readSettings().chords && this.#queue === 'celery' && Math.random() < CHORD_SHARE
    const members = Array.from({ length: isChord ? 2 + Math.floor(Math.random() * (MAX_MEMBERS - 1)) : 0 }, () =>
      randomUUID(),
    )
    for (const member of members) this.#note('m', member, taskId)
    const key = this.#isLimited(isChord) ? LIMITED_KEYS[Math.floor(Math.random() * LIMITED_KEYS.length)] : undefined
    this.#note('a', taskId, key === undefined ? this.#queue : `${this.#queue} ${key}`)
    try {
      if (isChord) await this.#sendChord(taskId, members)
      else if (key !== undefined)
        await this.#app.send('chaos.limited', [Math.round(Math.random() * 30), key], { taskId, queue: this.#queue })
      else await this.#app.send('chaos.mark', [Math.round(Math.random() * 30)], { taskId, queue: this.#queue })
      this.#note('d', taskId)
    } catch (error) {
      // It may be stored or not: a client that has no answer.
      this.#note('x', taskId, (error as Error).name)
      return
    }
    if (this.#queue === 'celery') await this.#outcome(taskId)
  }

  #isLimited(isChord: boolean | undefined): boolean {
    return readSettings().limits === true && !isChord && this.#queue === 'celery' && Math.random() < LIMITED_SHARE
  }

  async #sendChord(taskId: string, members: readonly string[]): Promise<void> {
    const header = members.map((id) =>
      this.#app.signature('chaos.member', [Math.round(Math.random() * 30)]).set({ taskId: id }),
    )
    await chord(header, this.#app.signature('chaos.body').set({ taskId })).delay()
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
