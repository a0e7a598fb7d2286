import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { fakeClockVariables } from './fakeClock.ts'
import type { Settings } from './settings.ts'

/** One effect of a task. */
export interface Effect {
  readonly pid: number
  /** ms since the epoch */
  readonly at: number
}

type Role = 'worker' | 'client' | 'caller' | 'memory'

/** A process of the scene. */
export class Actor {
  readonly process: ChildProcess
  readonly settings: Settings
  /** When it ended, ms since the epoch. */
  endedAt = 0
  readonly #ended: Promise<string>
  readonly #ready: Promise<unknown>
  #errors = ''

  constructor(role: Role, settings: Settings) {
    const path = fileURLToPath(new URL(`./${role}Process.ts`, import.meta.url))
    this.settings = settings
    this.process = fork(path, {
      env: {
        ...process.env,
        ...(settings.clock === undefined ? {} : fakeClockVariables(settings.clock)),
        CHAOS: JSON.stringify(settings),
      },
      execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk
    })
    this.#ready = new Promise((resolve) => this.process.once('message', resolve))
    this.#ended = once(this.process, 'exit').then(([code, signal]) => {
      this.endedAt = Date.now()
      return (signal as string | null) ?? `exit code ${code}`
    })
  }

  get pid(): number {
    return this.process.pid as number
  }

  /** Resolves when it takes tasks; also for a process that died at its crash point before it could say so. */
  async ready(): Promise<this> {
    const ended = this.#ended.then((how) => {
      if (how !== 'SIGKILL') throw new Error(`${this.settings.name}: ${how} before it was ready\n${this.#errors}`)
    })
    await Promise.race([this.#ready, ended])
    return this
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /** How it ended: a signal's name, or `exit code n`. */
  async ended(limit: number): Promise<string> {
    const late = sleep(limit, undefined, { ref: false }).then(() => {
      const { name, crash } = this.settings
      throw new Error(
        `${name}: still runs after ${limit} ms${crash ? `, ${crash.point} not reached` : ''}\n${this.#errors}`,
      )
    })
    return Promise.race([this.#ended, late])
  }

  /** Ids by what it noted of them (`r` received, `s` settled, …), and when it did so last, ms since the epoch. */
  notes(mark: string): Map<string, number> {
    const lines = linesOf(this.settings.journal).filter(([first]) => first === mark)
    return new Map(lines.map(([, id, at]) => [id as string, Number(at)]))
  }

  noted(mark: string): Set<string> {
    return new Set(this.notes(mark).keys())
  }

  /** What it had taken and not brought to its end. */
  inFlight(): Set<string> {
    const settled = this.noted('s')
    return new Set([...this.noted('r'), ...this.noted('w')].filter((id) => !settled.has(id)))
  }
}

/** A store of its own, the processes around it, and what they leave behind. */
export abstract class Scene {
  readonly folder: string
  /** URL of the store. */
  readonly store: string
  /** URL of another one for the results, where the first keeps none. */
  readonly backend: string | undefined
  readonly ledger: string
  readonly lease: number
  /** A client in this process. */
  readonly app: App
  readonly #actors: Actor[] = []

  constructor(store: string, lease: number, folder: string = sceneFolder(), backend?: string) {
    this.folder = folder
    this.store = store
    this.backend = backend
    this.ledger = join(folder, 'ledger')
    this.lease = lease
    this.app = new App({ broker: store, backend, lease, logger: createLogger('error') })
    appendFileSync(this.ledger, '')
  }

  /** All that was sent has come to its end: `tasks` in all. */
  abstract finished(tasks: number): Promise<boolean>

  /** Messages that wait for a worker. */
  abstract waiting(): Promise<number>

  /** Messages that say that a holder of theirs died. */
  abstract markedLost(): Promise<number>

  /** False: somebody is in the middle of a transaction, and stopping him there would stop all. */
  abstract quiet(): Promise<boolean>

  /** Expects that no message is left, and that the store is whole. */
  abstract checkEmpty(): Promise<void>

  start(role: Role, settings: Partial<Settings> = {}): Actor {
    const name = `${role}${this.#actors.length + 1}`
    const actor = new Actor(role, {
      name,
      store: this.store,
      backend: this.backend,
      ledger: this.ledger,
      journal: join(this.folder, `${name}.journal`),
      lease: this.lease,
      pool: 'inline',
      concurrency: 20,
      grace: 10_000,
      tasks: 0,
      ...settings,
    })
    this.#actors.push(actor)
    return actor
  }

  /** Send one call for each list of arguments; the ids. */
  async send(task: string, calls: readonly (readonly unknown[])[]): Promise<string[]> {
    const results = await Promise.all(calls.map((args) => this.app.send(task, args)))
    return results.map(({ id }) => id)
  }

  /** Effects so far, by task id. */
  effects(): Map<string, Effect[]> {
    const effects = new Map<string, Effect[]>()
    for (const [id, pid, at] of linesOf(this.ledger)) {
      const list = effects.get(id as string) ?? []
      effects.set(id as string, list)
      list.push({ pid: Number(pid), at: Number(at) })
    }
    return effects
  }

  async close(): Promise<void> {
    for (const { process } of this.#actors) {
      if (process.exitCode === null && process.signalCode === null) process.kill('SIGKILL')
    }
    await Promise.all(this.#actors.map((actor) => actor.ended(10_000)))
    await this.app.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function sceneFolder(): string {
  return mkdtempSync(join(tmpdir(), 'celeriac-chaos-'))
}

/** Wait until it is so; `what` is said when it is not within `limit` ms. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const end = Date.now() + limit
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${limit} ms: ${what}`)
    await sleep(20)
  }
}

export function linesOf(path: string): string[][] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  // The last line is empty, or was cut by a kill.
  return lines.slice(0, -1).map((line) => line.split(' '))
}
