import type { Cost, Phases } from '../harness/order.ts'

/** Counts the tasks of a process and says what the cold ones and the warm ones cost. */
export class Pace {
  readonly #order: Phases & { readonly tasks?: number }
  readonly #say: (message: unknown) => void
  #phase: 'waiting' | 'cold' | 'warm' | 'over' = 'waiting'
  #given = 0
  #done = 0
  /** When the phase began, and what there was then. */
  #start = 0
  #before = 0
  #cpu = process.cpuUsage()

  constructor(order: Phases & { readonly tasks?: number }, say: (message: unknown) => void) {
    this.#order = order
    this.#say = say
  }

  /** Done so far. */
  get total(): number {
    return this.#done
  }

  /** Starts the clock, unless it runs. */
  begin(): void {
    if (this.#phase !== 'waiting') return
    this.#say('begin')
    this.#next('cold')
  }

  /** The number of the next task to submit; undefined when the time is over. */
  take(): number | undefined {
    return this.#phase === 'over' ? undefined : this.#given++
  }

  /** The numbers of the next tasks, at most `count`; none when the time is over. */
  takeMany(count: number): number[] {
    return this.#phase === 'over' ? [] : Array.from({ length: count }, () => this.#given++)
  }

  done(count = 1): void {
    this.#done += count
    if (this.#phase === 'over') return
    const seconds = (performance.now() - this.#start) / 1000
    const { cold, window, tasks } = this.#order
    if (this.#phase === 'cold') {
      if (this.#done < cold && seconds < window / 2) return
      this.#say(this.#cost(seconds))
      this.#next('warm')
    } else if (seconds >= window || this.#done === tasks) {
      this.#say(this.#cost(seconds))
      this.#next('over')
    }
  }

  #cost(seconds: number): Cost {
    const { user, system } = process.cpuUsage(this.#cpu)
    return { tasks: this.#done - this.#before, seconds, cpuMicroseconds: user + system }
  }

  #next(phase: 'cold' | 'warm' | 'over'): void {
    this.#phase = phase
    this.#before = this.#done
    this.#cpu = process.cpuUsage()
    this.#start = performance.now()
  }
}
