import type { App } from '../../app/app.ts'
import { internalsOf } from '../../app/internals.ts'
import { queuesOf } from '../../app/knownQueues.ts'
import { shareLog } from '../../app/shareLog.ts'
import { Beat } from '../../beat/beat.ts'
import { logBeat } from '../../beat/logging.ts'
import type { AnyTask, Task } from '../../calls/task.ts'
import { type Duration, milliseconds } from '../../std/duration.ts'
import { ArgumentError, CeleriacError, ConfigError } from '../../std/errors.ts'
import { type LogOption, requireLog } from '../../std/log.ts'
import { refuseUnknown, shown } from '../../std/validate.ts'
import { logSignals } from '../../worker/logging.ts'
import { Worker } from '../../worker/worker.ts'
import { AppClock } from './appClock.ts'
import { FakeClock } from './fakeClock.ts'
import { Gate } from './gate.ts'
import { preload } from './preload.ts'
import { Rest } from './rest.ts'
import { type SentCall, SentCalls } from './sentCalls.ts'
import { runIn, TestProcess } from './testProcess.ts'
import { testStores } from './testStores.ts'

/** How an app is tested. */
export interface TestAppOptions {
  /** The time at the beginning: a Date, ms since the epoch, or ISO 8601. Default: the time of the machine. */
  now?: Date | number | string | undefined
  /** More queues that the worker reads, beside those that the app knows. */
  queues?: readonly string[] | undefined
  /** Tasks at once. Default 100. */
  concurrency?: number | undefined
  /** The app's log, and those of the worker and the beat. Default: false, nowhere. */
  logger?: LogOption | undefined
  /** How long `advance` and `runUntilIdle` wait for a task that waits for something real, in real time. Default 5 s. */
  realTimeLimit?: Duration | undefined
}

/** What `advance` and `runUntilIdle` wait for. */
export interface AdvanceOptions {
  /**
   * Wait for tasks that wait for something real (the network, a timer of the process). Default true. False: leave them
   * running while time moves on, as a test of time limits does.
   */
  awaitTasks?: boolean | undefined
}

const KNOWN_OPTIONS = new Set(['now', 'queues', 'concurrency', 'logger', 'realTimeLimit'])
const DEFAULT_REAL_TIME_LIMIT_MS = 5000

/** The test that each app is in. */
const TESTS: WeakMap<object, TestApp> = new WeakMap()

/**
 * Put an app into a test: from now on its stores are in memory and empty, its clock stands still, and a worker and a
 * beat run in this process. Another call for the same app ends the first test. Rejects with ConfigError where the app
 * has used its own stores before, or they are in a test that cannot end; with ArgumentError for wrong options.
 */
export async function testApp<Tested extends App>(app: Tested, options: TestAppOptions = {}): Promise<TestApp<Tested>> {
  refuseUnknown(options, KNOWN_OPTIONS, 'testApp')
  if (options.logger !== undefined) requireLog(options.logger, 'testApp: logger')
  await TESTS.get(app)?.close()
  const test = new TestApp(app, options)
  TESTS.set(app, test)
  try {
    await test.runUntilIdle()
  } catch (error) {
    await test.close()
    throw error
  }
  return test
}

/** An app in a test: see `testApp`. */
export class TestApp<Tested extends App = App> implements AsyncDisposable {
  readonly app: Tested
  readonly #options: TestAppOptions
  readonly #gate: Gate
  readonly #rest: Rest
  readonly #sent: SentCalls
  readonly #ends: (() => unknown)[] = []
  #process: TestProcess | undefined
  #services: readonly [Worker, Beat] | undefined
  #moving: string | undefined
  #ended: Promise<void> | undefined

  /** Made by `testApp`. */
  constructor(app: Tested, options: TestAppOptions) {
    this.app = app
    this.#options = options
    const limit = milliseconds(options.realTimeLimit ?? DEFAULT_REAL_TIME_LIMIT_MS, 'testApp: realTimeLimit')
    this.#gate = new Gate(new FakeClock(momentOf(options.now)))
    this.#rest = new Rest(this.#gate, limit)
    this.#sent = new SentCalls(app)
    this.#override()
    this.#ends.push(this.#sent.listen())
    if (options.logger) this.#ends.push(...this.#logs(options.logger))
    this.#begin()
  }

  /** The time. */
  get now(): Date {
    return new Date(this.#gate.clock.now())
  }

  /**
   * Let time pass: to each moment at which something is due, in order, until this duration is over. Before each next
   * moment all rests: no message can be taken, and every running task waits for the clock, for another task or for an
   * answer (`ctx.waitFor`). Rejects with TimeoutError, which names the task, when one still waits for something real
   * after `realTimeLimit`; with ArgumentError for a duration below zero.
   */
  async advance(duration: Duration, options: AdvanceOptions = {}): Promise<void> {
    const end = this.#gate.clock.now() + milliseconds(duration, 'advance')
    await this.#move('advance', options, async (rested) => {
      const { clock } = this.#gate
      while ((clock.next ?? Number.POSITIVE_INFINITY) <= end) {
        clock.step()
        await rested()
      }
      clock.moveTo(end)
    })
  }

  /** Let all run that is due now; time does not move. Rejects as `advance`. */
  async runUntilIdle(options: AdvanceOptions = {}): Promise<void> {
    await this.#move('runUntilIdle', options, async () => undefined)
  }

  /** The calls of a task that were sent in this test, the first first, wherever they were made. */
  sent<Args extends readonly unknown[]>(task: SentTask<Args>): SentCall<Args>[]
  /** The same for a task by its name. */
  sent(task: string): SentCall[]
  sent(task: AnyTask | string): SentCall[] {
    if (typeof task !== 'string' && typeof task !== 'function')
      throw new ArgumentError(`sent: expected a task or its name, got ${shown(task)}`)
    return this.#sent.of(typeof task === 'string' ? task : task.name)
  }

  /**
   * The process of worker and beat dies at once, as by SIGKILL: nothing that it holds is settled, and its messages
   * wait again after the app's `lease`, counted from now. Resolves when another process runs in its place. Functions of
   * tasks cannot be ended: they go on, but no call of the app returns to them.
   */
  async kill(): Promise<void> {
    this.#requireOpen('kill')
    this.#process?.die()
    this.#begin()
    await this.#rest.reached(false)
  }

  /** Every call of the stores fails with StoreUnavailableError, from now on for this long. */
  storeAway(duration: Duration): void {
    this.#requireOpen('storeAway')
    this.#gate.away(milliseconds(duration, 'storeAway'))
  }

  /**
   * End the test: worker and beat stop, what is in the stores is dropped, and the app is what it was before. Tasks that
   * still run are abandoned.
   */
  close(): Promise<void> {
    this.#ended ??= this.#close()
    return this.#ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #override(): void {
    const clock = new AppClock(this.#gate)
    // Its worker is the only one: no other will know the task.
    const options = { broker: 'memory:', backend: 'memory:', alwaysEager: false, unknownTaskTimeout: 0, clock }
    try {
      const restore = internalsOf(this.app).override({
        options: { ...options, logger: this.#options.logger ?? false },
        open: (config) => testStores(config, this.#gate, this.#sent),
        around: (name, id, run) => this.#rest.around(`task ${name}[${id}]`, run),
        sent: (prepared) => this.#sent.sent(prepared),
      })
      this.#ends.push(restore)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new ConfigError(
        `testApp: ${error.message}: call testApp before anything that opens them, as a call of a task, connect() or the start of a worker`,
        { cause: error },
      )
    }
  }

  /** Of the app and not of a worker, so that a worker that dies leaves no log behind. */
  #logs(logger: LogOption): (() => void)[] {
    const { app } = this
    return [
      shareLog(app, 'worker', logger, (...to) => logSignals(app.signals, ...to)),
      shareLog(app, 'beat', logger, (...to) => logBeat(app, ...to)),
    ]
  }

  /** Begin a new process; while the stores are unavailable, as soon as they answer. */
  #begin(): void {
    const process = new TestProcess()
    this.#process = process
    const { clock, problem, awayUntil } = this.#gate
    if (problem) clock.after(awayUntil - clock.now(), () => this.#process === process && this.#begin())
    else this.#rest.start(runIn(process, () => this.#start()))
  }

  async #start(): Promise<void> {
    await preload()
    const { concurrency, queues = [] } = this.#options
    const all = [...new Set([...queuesOf(this.app), ...queues])]
    const worker = new Worker(this.app, { queues: all, concurrency, logger: false })
    const services = [worker, new Beat(this.app, { logger: false })] as const
    this.#services = services
    for (const service of services) await service.start()
  }

  async #move(
    doing: string,
    { awaitTasks = true }: AdvanceOptions,
    move: (rested: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    this.#requireOpen(doing)
    if (this.#moving !== undefined)
      throw new CeleriacError('TEST_BUSY', `${doing}: ${this.#moving} is not over: await it first`)
    this.#moving = doing
    try {
      const rested = (): Promise<void> => this.#rest.reached(awaitTasks)
      await rested()
      await move(rested)
    } finally {
      this.#moving = undefined
    }
  }

  #requireOpen(doing: string): void {
    if (this.#ended !== undefined)
      throw new CeleriacError(
        'TEST_ENDED',
        `${doing}: this test has ended, by close() or by another testApp of the same app`,
      )
  }

  async #close(): Promise<void> {
    TESTS.delete(this.app)
    this.#gate.open()
    const process = this.#process
    const services = this.#services ?? []
    if (process) await runIn(process, () => Promise.all(services.map((service) => stop(service))))
    for (const end of this.#ends.splice(0).reverse()) await end()
    process?.die()
  }
}

/** A task of these arguments, whatever else it is. */
// biome-ignore lint/suspicious/noExplicitAny: a task of any result.
type SentTask<Args extends readonly unknown[]> = Task<Args, any, any, any, any, any, any, any>

function stop(service: Worker | Beat): Promise<void> {
  return service instanceof Worker ? service.stop({ grace: 0 }) : service.stop()
}

function momentOf(now: Date | number | string | undefined): number {
  const moment = now === undefined ? Date.now() : new Date(now).getTime()
  if (Number.isFinite(moment)) return moment
  throw new ArgumentError(`testApp: now: expected a Date, ms since the epoch or ISO 8601, got ${shown(now)}`)
}
