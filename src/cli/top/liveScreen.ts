import type { Action, Actions } from './actions.ts'
import type { Gatherer } from './gatherer.ts'
import type { Key } from './keys.ts'
import { screenOf } from './screen.ts'
import type { Terminal } from './terminal.ts'
import { FIRST_VIEW, moved, type View } from './view.ts'

/** How often it is drawn, ms. */
const DRAW_INTERVAL_MS = 1000

/** A screen that shows a fleet as it is, and does what its keys say. */
export class LiveScreen {
  readonly #gatherer: Gatherer
  readonly #actions: Actions
  readonly #terminal: Terminal
  readonly #end = Promise.withResolvers<void>()
  #view: View = FIRST_VIEW
  #pending: Action | undefined

  constructor(gatherer: Gatherer, actions: Actions, terminal: Terminal) {
    this.#gatherer = gatherer
    this.#actions = actions
    this.#terminal = terminal
  }

  /** Resolves when a key leaves it. Rejects with what an action threw. */
  async run(ended: Promise<unknown>): Promise<void> {
    const draw = (): void => this.#draw()
    this.#terminal.open(
      (keys) => this.#press(keys),
      draw,
      () => this.#end.resolve(),
    )
    const timer = setInterval(() => this.#drawOrEnd(), DRAW_INTERVAL_MS)
    try {
      this.#draw()
      await Promise.race([this.#end.promise, ended])
    } finally {
      clearInterval(timer)
      this.#terminal.close()
    }
  }

  #draw(): void {
    this.#terminal.draw(screenOf(this.#gatherer.snapshot(), this.#view, this.#terminal.size))
  }

  #drawOrEnd(): void {
    try {
      this.#draw()
    } catch (error) {
      this.#end.reject(error)
    }
  }

  #press(keys: readonly Key[]): void {
    // What was pasted must change nothing: a yes among several keys is none.
    for (const key of keys) this.#pressOne(key, keys.length === 1)
    this.#drawOrEnd()
  }

  #pressOne(key: Key, isAlone: boolean): void {
    if (key === 'interrupt') this.#end.resolve()
    else if (this.#pending) this.#answer(this.#pending, isAlone && /^y$/i.test(key))
    else if (this.#view.help) this.#change({ help: false })
    else if (key === 'x' || key === 'q') this.#end.resolve()
    else if (key === '?') this.#change({ help: true, message: undefined })
    else if (key === 'up' || key === 'k') this.#view = moved(this.#view, this.#gatherer.snapshot(), -1)
    else if (key === 'down' || key === 'j') this.#view = moved(this.#view, this.#gatherer.snapshot(), 1)
    else this.#ask(this.#actions.of(key, this.#view))
  }

  #ask(action: Action | string | undefined): void {
    if (typeof action === 'object') this.#pending = action
    this.#change({ message: typeof action === 'object' ? `${action.question}? (y/n)` : action })
  }

  #answer(action: Action, isYes: boolean): void {
    this.#pending = undefined
    this.#change({ message: isYes ? 'asking ...' : 'nothing was done' })
    if (!isYes) return
    action.run().then(
      (message) => {
        this.#change({ message })
        this.#drawOrEnd()
      },
      (error: unknown) => this.#end.reject(error),
    )
  }

  #change(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change }
  }
}
