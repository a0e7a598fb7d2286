import { setTimeout as realTimeout } from 'node:timers'
import { CeleriacError, TimeoutError } from '../../std/errors.ts'
import { nextTurn } from '../../std/pause.ts'
import type { Gate } from './gate.ts'
import { never, processHere, RunningCode, runIn } from './testProcess.ts'

/** Kept from the beginning: a test may replace the global timers. */
const realNow = performance.now.bind(performance)

/** So many turns of the event loop without any step: nothing moves by itself any more. */
const QUIET_TURNS = 3
/** So many turns are awaited one after the other; after them a look every ms is soon enough. */
const MAX_BUSY_TURNS = 100
/** Runs that follow each other without a pause would never let the event loop turn. */
const RUNS_PER_TURN = 100
/** More runs than this at one moment of the clock are taken for runs without end. */
const MAX_RUNS_AT_ONE_MOMENT = 10_000

/** The code of the user that workers run, and the wait for its rest. */
export class Rest {
  readonly #gate: Gate
  /** ms, real time. */
  readonly #limit: number
  readonly #running = new Set<RunningCode>()
  /** Starts of processes that are not over. */
  readonly #starts = new Set<Promise<unknown>>()
  #failure: { readonly error: unknown } | undefined
  #runs = 0
  #moment = 0

  constructor(gate: Gate, limit: number) {
    this.#gate = gate
    this.#limit = limit
  }

  /** Around all code of the user that a worker runs: `Override.around`. */
  async around<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
    const process = processHere()
    if (!process) return run()
    if (process.isDead) return never()
    if (this.#count() % RUNS_PER_TURN === 0) await nextTurn()
    const code = new RunningCode(name, process)
    this.#running.add(code)
    this.#gate.step()
    try {
      return await runIn(process, run, code)
    } finally {
      this.#running.delete(code)
      this.#gate.step()
      if (process.isDead) await never()
    }
  }

  /** A process starts: nothing rests before it has started, and what it fails by is what `reached` rejects with. */
  start(starting: Promise<unknown>): void {
    this.#starts.add(starting)
    const over = (): void => {
      this.#starts.delete(starting)
      this.#gate.step()
    }
    starting.then(over, (error: unknown) => {
      this.#failure = { error }
      over()
    })
  }

  /**
   * Resolves when nothing moves any more before the clock does. `awaitTasks`: false does not wait for code that waits
   * for something real. Rejects with TimeoutError, which names the code, when nothing has moved for the limit of real
   * time; with CeleriacError where tasks follow each other without end.
   */
  async reached(awaitTasks: boolean): Promise<void> {
    let [seen, quiet, busyTurns, movedAt] = [-1, 0, 0, realNow()]
    while (quiet < QUIET_TURNS) {
      await (busyTurns < MAX_BUSY_TURNS ? nextTurn() : pause())
      const busy = this.#busy(awaitTasks)
      const moved = this.#gate.steps !== seen
      seen = this.#gate.steps
      quiet = moved || busy.length > 0 ? 0 : quiet + 1
      busyTurns = moved ? 0 : busyTurns + 1
      if (moved) movedAt = realNow()
      if (this.#failure) throw this.#failure.error
      this.#refuseEndless()
      if (busy.length > 0 && realNow() - movedAt > this.#limit) throw stillRunning(busy, this.#limit)
    }
  }

  #busy(awaitTasks: boolean): string[] {
    const codes = [...this.#running].filter(({ rests, process }) => awaitTasks && !rests && !process.isDead)
    return [...codes.map(({ name }) => name), ...(this.#starts.size > 0 ? ['the start of the worker'] : [])]
  }

  /** How many runs have begun at this moment of the clock. */
  #count(): number {
    const now = this.#gate.clock.now()
    if (now !== this.#moment) this.#runs = 0
    this.#moment = now
    return ++this.#runs
  }

  #refuseEndless(): void {
    if (this.#runs <= MAX_RUNS_AT_ONE_MOMENT || this.#moment !== this.#gate.clock.now()) return
    const [code] = this.#running
    throw new CeleriacError(
      'TEST_NOT_IDLE',
      `${this.#runs} runs of tasks at the same moment, and there is no end: the latest is ${code?.name ?? 'over'}. A task that sends itself again needs a countdown`,
    )
  }
}

function stillRunning(busy: readonly string[], limit: number): TimeoutError {
  return new TimeoutError(
    `still running after ${limit} ms of real time: ${busy.join(', ')}. Time moves only when no task waits for something real, as an answer from the network or a timer of the process. Replace what it waits for, allow more with testApp(app, { realTimeLimit }), or do not wait for it: advance(duration, { awaitTasks: false })`,
  )
}

/** 1 ms, also where a test has replaced the timers. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    realTimeout(resolve, 1)
  })
}
