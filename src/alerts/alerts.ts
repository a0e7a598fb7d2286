import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { type Recorder, type Recording, recorderOf, recordWhileOpen } from '../recorder/recorder.ts'
import { StoreUnavailableError } from '../std/errors.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { AlertWatch, type RuleReport } from './alertWatch.ts'
import { type AlertOptions, type ParsedAlertOptions, parseAlerts } from './options.ts'
import { sendTest, type TestAnswer } from './testMessage.ts'
import { watchedOf } from './watched.ts'

export type { RuleReport } from './alertWatch.ts'
export type { AlertState, Reading } from './judge.ts'
export type { AlertOptions } from './options.ts'
export type {
  AlertRule,
  BeatLateRule,
  BreakerOpenRule,
  FailureRateRule,
  OldestAgeRule,
  StoreFullRule,
  WorkerLostRule,
} from './rules.ts'
export type { TestAnswer } from './testMessage.ts'

/** What is known while no recorder runs: what it knew before would say that all workers are lost. */
const UNRECORDED: Pick<Recording, 'stats' | 'workers'> = { stats: unknown, workers: unknown }

/** Of the recorder's file. */
const NOTE_KEY = 'alerts'

/**
 * Watches the fleet of an app by rules, and sends alerts and recoveries to webhooks. It runs the recorder of the app,
 * which knows what failed and which workers there are; of the processes that share the recorder's file, the one that
 * records sends. Each alert is delivered at least once, under one id.
 */
export class Alerts implements Service {
  readonly #app: App
  readonly #options: ParsedAlertOptions
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))

  /** Throws ArgumentError for options that cannot be. Nothing is watched before `start`. */
  constructor(app: App, options: AlertOptions) {
    this.#app = app
    this.#options = parseAlerts(options, app.config.name, 'alerts')
  }

  /** Rejects with ConfigError where the app has `recorder: false`. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  /** What each rule finds now, and how its alerts stand: a dry run, which changes and sends nothing. */
  async report(): Promise<readonly RuleReport[]> {
    const recorder = await recorderOf(this.#app)
    const { isRecording } = await recorder.status()
    return this.#watch(recorder, isRecording ? recorder : UNRECORDED).report()
  }

  /** Send one test message to each receiver, now and once; opens no store. A receiver's refusal is in its answer. */
  test(): Promise<readonly TestAnswer[]> {
    return sendTest(this.#options, this.#app.config.clock)
  }

  async #open(run: ServiceRun): Promise<void> {
    const recorder = await recorderOf(this.#app)
    internalsOf(this.#app).onClose(() => this.stop())
    run.defer(await recordWhileOpen(this.#app))
    const watch = this.#watch(recorder)
    await watch.start()
    run.defer(() => watch.stop())
  }

  #watch(recorder: Recorder, recording: Pick<Recording, 'stats' | 'workers'> = recorder): AlertWatch {
    const { clock, logger } = this.#app.config
    const memory = {
      load: () => recorder.note(NOTE_KEY),
      save: (text: string) => recorder.putNote(NOTE_KEY, text),
      isOurs: () => recorder.records,
    }
    return new AlertWatch({ options: this.#options, watched: watchedOf(this.#app, recording), memory, clock, logger })
  }
}

function unknown(): Promise<never> {
  return Promise.reject(new StoreUnavailableError('no recorder runs, so what failed and who was lost is not known'))
}
