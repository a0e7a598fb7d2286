import { App } from '../../src/app/app.ts'
import type { Signals } from '../../src/app/signals.ts'
import { Beat } from '../../src/beat/beat.ts'
import { type Schedules, schedulesOf } from '../../src/beat/schedules.ts'
import { TIME_HEADER } from '../../src/beat/sender.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { type Lab, until } from '../app/lab.ts'
import { ManualClock } from './clock.ts'

/** Beats of one app on a clock that stands still, and what they tell. */
export class Scene {
  readonly app: App
  readonly schedules: Schedules
  readonly clock: ManualClock
  readonly #lab: Lab
  readonly sent: Signals['beat:sent'][] = []
  readonly skipped: Signals['beat:skipped'][] = []
  readonly errors: Signals['beat:error'][] = []

  constructor(lab: Lab, now = '2026-11-21T12:00:00Z', options: CeleriacOptions = {}) {
    this.#lab = lab
    this.app = lab.app(options)
    this.schedules = schedulesOf(this.app)
    this.clock = new ManualClock(now)
    this.app.on('beat:sent', (event) => this.sent.push(event))
    this.app.on('beat:skipped', (event) => this.skipped.push(event))
    this.app.on('beat:error', (event) => this.errors.push(event))
  }

  async beat(): Promise<Beat> {
    const beat = new Beat(this.app, { clock: this.clock })
    this.#lab.after(() => beat.stop())
    await beat.start()
    await this.quiet()
    return beat
  }

  /** The beat has done what there was to do, and sleeps. */
  async quiet(): Promise<void> {
    await until(() => this.clock.waited)
  }

  /** Time passes, a step at a time; the beat does what is due after each. */
  async pass(ms: number, step = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      this.clock.advance(step)
      await new Promise((resolve) => setImmediate(resolve))
      await this.quiet()
    }
  }

  /** Moments of what was sent, in seconds from now on. */
  moments(from = '2026-11-21T12:00:00Z'): number[] {
    return this.sent.map(({ fire }) => (fire.getTime() - Date.parse(from)) / 1000)
  }

  /** The state of the last run. */
  async lastState(): Promise<string> {
    return this.app.result(this.sent.at(-1)?.id ?? '').state()
  }
}

export { App, TIME_HEADER }
