import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { FAKE_CLOCK, setFakeClock } from '../fakeClock.ts'
import { epochHere } from '../moment.ts'
import { Actor, linesOf } from '../scene.ts'
import { type Bug, type CrashPoint, LIMIT, type Settings } from '../settings.ts'
import { check, countDoubles, type Violation } from './checker.ts'
import type { History, Loss } from './history.ts'
import { historyOf } from './journals.ts'
import { lossOf } from './losses.ts'
import { ORDERED, Outcomes } from './outcomes.ts'
import { Place } from './place.ts'
import {
  CHORD_STORES,
  CLIENTS,
  type Fault,
  LEASE,
  LIMIT_STORES,
  type NetworkFault,
  type Plan,
  WORKERS,
} from './plan.ts'

/** Calls of a client at a time. */
const LANES = 8
/** Until all that was acknowledged is done, when nothing is disturbed any more, ms. */
const SETTLE = 2 * LEASE + 25_000

/** How long a worker has to reach the point at which it dies, ms. */
const CRASH_LIMIT = 8000

export interface RunOptions {
  readonly bug?: Bug | undefined
  /** What happens, as it happens. */
  readonly say?: ((line: string) => void) | undefined
}

export interface Report {
  readonly history: History
  readonly violations: readonly Violation[]
  readonly submitted: number
  readonly done: number
  readonly doubles: number
  readonly kills: number
}

/** Run a plan to its end, or to the first lull that shows a task that is not done, and check what happened. */
export async function runPlan(plan: Plan, { bug, say = () => undefined }: RunOptions = {}): Promise<Report> {
  const place = await Place.open(plan.store)
  const run = new Run(plan, place, bug, say)
  try {
    return await run.toItsEnd()
  } finally {
    await run.close()
    await place.close()
  }
}

class Run {
  readonly #plan: Plan
  readonly #place: Place
  readonly #bug: Bug | undefined
  readonly #say: (line: string) => void
  readonly #app: App
  readonly #epoch = epochHere()
  readonly #actors: Actor[] = []
  readonly #workers: Actor[] = []
  readonly #clients: Actor[] = []
  readonly #losses: Loss[] = []
  readonly #disturbances: { from: number; to: number }[] = []
  readonly #outcomes: Outcomes
  #kills = 0
  /** A fault is made now. */
  #inFault = false
  #closed = false

  constructor(plan: Plan, place: Place, bug: Bug | undefined, say: (line: string) => void) {
    this.#plan = plan
    this.#place = place
    this.#bug = bug
    this.#say = say
    // It reads what anyone can read.
    const backend = place.callerOnly ? undefined : place.backend
    this.#app = new App({ broker: place.direct, backend, logger: createLogger('silent') })
    appendFileSync(this.#ledger, '')
    const { callerOnly } = place
    const callers = (): Actor[] => this.#actors.filter(isCaller)
    this.#outcomes = new Outcomes({ app: this.#app, callers, ledger: this.#ledger, callerOnly })
  }

  get #ledger(): string {
    return join(this.#place.folder, 'ledger')
  }

  async toItsEnd(): Promise<Report> {
    if (this.#plan.store === 'memory') this.#startAllInOne()
    else this.#startAll()
    await Promise.all(this.#actors.map((actor) => actor.ready()))
    void this.#watch()
    const begun = performance.now()
    let isDone = true
    for (const { after, fault } of this.#plan.steps) {
      await sleep(after)
      const time = performance.now() - begun
      if (time > this.#plan.minutes * 60_000 && fault.kind !== 'lull') continue
      this.#say(`${(time / 1000).toFixed(1).padStart(7)} s  ${JSON.stringify(fault)}`)
      isDone = await this.#disturb(fault)
      if (!isDone) break
    }
    if (isDone) isDone = await this.#lull()
    // A call that was on its way at the lull may have been acknowledged since: its client is stopped before the last look.
    if (this.#plan.store === 'memory') await ask(this.#workers[0] as Actor, 'finish')
    else await this.#stopCallers()
    if (isDone) await this.#settle()
    return this.#report()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { process } of this.#actors) {
      if (process.exitCode === null && process.signalCode === null) process.kill('SIGKILL')
    }
    await Promise.all(this.#actors.map((actor) => actor.ended(10_000)))
    await this.#app.close()
  }

  #startAll(): void {
    for (let slot = 0; slot < WORKERS; slot++) this.#workers.push(this.#startWorker())
    this.#start('worker', { pool: 'solo', concurrency: 1, queues: [ORDERED] })
    this.#start('caller', { tasks: 1, queues: [ORDERED] })
    for (let slot = 0; slot < CLIENTS; slot++) this.#clients.push(this.#startClient())
  }

  #startAllInOne(): void {
    const concurrency = this.#plan.pool === 'solo' ? 1 : 4
    const one = this.#start('memory', { ...this.#calls, pool: this.#plan.pool, concurrency, queues: [ORDERED] })
    this.#workers.push(one)
    this.#clients.push(one)
  }

  #startWorker(): Actor {
    return this.#start('worker', { pool: this.#plan.pool, concurrency: this.#plan.pool === 'solo' ? 1 : 4 })
  }

  #startClient(): Actor {
    return this.#start('caller', this.#calls)
  }

  get #calls(): Pick<Settings, 'tasks' | 'chords'> {
    return { tasks: LANES, chords: CHORD_STORES.includes(this.#plan.store) }
  }

  get #limits(): boolean {
    return LIMIT_STORES.includes(this.#plan.store)
  }

  #start(role: 'worker' | 'caller' | 'memory', settings: Partial<Settings>): Actor {
    const name = `${role}${this.#actors.length + 1}`
    const clock = FAKE_CLOCK === undefined ? undefined : join(this.#place.folder, `${name}.clock`)
    if (clock) setFakeClock(clock, 0)
    const actor = new Actor(role, {
      name,
      epoch: this.#epoch,
      callerOnly: this.#place.callerOnly,
      ...(clock && { clock }),
      store: this.#place.url,
      backend: this.#place.backend,
      ledger: this.#ledger,
      journal: join(this.#place.folder, `${name}.journal`),
      lease: LEASE,
      pool: 'inline',
      concurrency: 1,
      grace: 10_000,
      tasks: 0,
      limits: this.#limits,
      ...(role === 'caller' ? {} : { bug: this.#bug }),
      ...settings,
    })
    this.#actors.push(actor)
    return actor
  }

  get #callers(): Actor[] {
    return this.#actors.filter((actor) => actor.endedAt === 0 && isCaller(actor))
  }

  async #stopCallers(): Promise<void> {
    const callers = this.#callers
    for (const caller of callers) caller.kill('SIGKILL')
    await Promise.all(callers.map((caller) => caller.ended(10_000)))
  }

  get #living(): Actor[] {
    return this.#actors.filter((actor) => actor.endedAt === 0 && isWorker(actor))
  }

  /** False: a lull has shown that something is wrong, which more faults would only hide. */
  async #disturb(fault: Fault): Promise<boolean> {
    if (fault.kind === 'lull') return this.#lull()
    const from = Date.now()
    const victims = fault.kind === 'freeze' ? [this.#workers[fault.worker] as Actor] : this.#living
    this.#inFault = true
    await this.#act(fault)
    this.#inFault = false
    const to = Date.now()
    this.#disturbances.push({ from: from - 1000, to: to + LEASE + 5000 })
    const loss = lossOf(this.#plan.store, fault, from, to)
    const cause = fault.kind === 'network' ? `network ${fault.fault.kind}` : fault.kind
    const processes = victims.map(({ settings }) => settings.name)
    if (loss) this.#losses.push({ cause, processes, ...loss })
    return true
  }

  /**
   * Leases need processor time. A machine that stands still, or a store that does not answer for a large part of a
   * lease, without a fault of ours, is a loss of all: it must not look like a bug.
   */
  async #watch(): Promise<void> {
    while (!this.#closed) {
      const [from, wasInFault] = [Date.now(), this.#inFault]
      await sleep(250)
      // While the store is restarted there is no answer, and that is no news.
      if (this.#plan.store !== 'memory') await this.#app.queueSize().catch(() => undefined)
      const to = Date.now()
      if (to - from < LEASE / 4 || wasInFault || this.#inFault) continue
      const processes = this.#living.map(({ settings }) => settings.name)
      this.#say(`           the machine stood still for ${to - from} ms`)
      this.#losses.push({ cause: 'the machine stood still', processes, from, to: to + LEASE })
      this.#disturbances.push({ from, to: to + LEASE })
    }
  }

  async #act(fault: Exclude<Fault, { kind: 'lull' }>): Promise<void> {
    if (fault.kind === 'kill') await this.#kill(fault.worker)
    if (fault.kind === 'crash') await this.#crash(fault)
    if (fault.kind === 'stop') await this.#stop(fault.worker)
    if (fault.kind === 'clock') await this.#setClock(fault)
    if (fault.kind === 'freeze') await this.#freeze(this.#workers[fault.worker] as Actor, fault.ms)
    if (fault.kind === 'kill-client') {
      const client = this.#clients[fault.client] as Actor
      client.kill('SIGKILL')
      await client.ended(10_000)
      this.#clients[fault.client] = await this.#startClient().ready()
    }
    if (fault.kind === 'restart-server') await this.#place.restart(fault.how)
    if (fault.kind === 'network') {
      this.#breakNetwork(fault.fault)
      await sleep(fault.ms)
      this.#place.proxy?.resume()
    }
  }

  async #stop(slot: number): Promise<void> {
    const worker = this.#workers[slot] as Actor
    if (this.#plan.store === 'memory') return ask(worker, 'restart')
    worker.kill('SIGTERM')
    await worker.ended(60_000)
    await this.#replaceWorker(slot)
  }

  /** A point that is not reached, because the others took all work, is a kill at a random moment. */
  async #crash({ point, hit }: { readonly point: CrashPoint; readonly hit: number }): Promise<void> {
    const { pool } = this.#plan
    const crash = { point, hit }
    const worker = this.#start('worker', { pool, concurrency: pool === 'solo' ? 1 : 4, crash })
    const end = worker.ended(120_000)
    await worker.ready()
    const late = sleep(CRASH_LIMIT, true)
    if ((await Promise.race([end, late])) === true) {
      this.#say(`           ${point} was not passed ${hit} times within ${CRASH_LIMIT} ms`)
      worker.kill('SIGKILL')
    }
    await end
    this.#killed(worker)
  }

  /** Of a process that dies meanwhile nothing is left to set. */
  async #setClock({ of, slot, by, ms }: Extract<Fault, { kind: 'clock' }>): Promise<void> {
    const { clock } = ((of === 'worker' ? this.#workers : this.#clients)[slot % this.#workers.length] as Actor).settings
    if (clock === undefined) {
      this.#say('           clocks are not set: faketime is not installed')
      return
    }
    setFakeClock(clock, by)
    await sleep(ms)
    setFakeClock(clock, 0)
  }

  async #kill(slot: number): Promise<void> {
    const worker = this.#workers[slot] as Actor
    worker.kill('SIGKILL')
    await worker.ended(10_000)
    this.#killed(worker)
    await this.#replaceWorker(slot)
  }

  #killed(worker: Actor): void {
    this.#kills += 1
    const { name } = worker.settings
    // Its last lines may be some ms older than the moment at which we learn of its end.
    this.#losses.push({ cause: 'killed', processes: [name], from: worker.endedAt - 100, to: worker.endedAt })
  }

  async #replaceWorker(slot: number): Promise<void> {
    this.#workers[slot] = await this.#startWorker().ready()
  }

  async #freeze(worker: Actor, ms: number): Promise<void> {
    for (;;) {
      worker.kill('SIGSTOP')
      await sleep(20)
      if (this.#place.isQuiet()) break
      worker.kill('SIGCONT')
      await sleep(20)
    }
    await sleep(ms)
    worker.kill('SIGCONT')
  }

  #breakNetwork(fault: NetworkFault): void {
    const { proxy } = this.#place
    if (fault.kind === 'delay' || fault.kind === 'reorder') proxy?.[fault.kind](fault.ms)
    else if (fault.kind === 'resetAfter') proxy?.resetAfter(fault.bytes)
    else proxy?.[fault.kind]()
  }

  /** Clients pause until all that was acknowledged has ended; false when that does not come. */
  async #lull(): Promise<boolean> {
    for (const { process } of this.#callers) process.send('pause')
    const isDone = await this.#settle()
    for (const { process } of this.#callers) process.send('resume')
    return isDone
  }

  /** Wait until all that was acknowledged has ended; false when that does not come. */
  async #settle(): Promise<boolean> {
    const end = performance.now() + SETTLE
    let open = await this.#outcomes.open()
    while (open.length > 0 && performance.now() < end) {
      await sleep(200)
      open = await this.#outcomes.open()
    }
    if (open.length > 0)
      this.#say(`           ${open.length} acknowledged tasks are not done after ${SETTLE} ms of calm`)
    return open.length === 0
  }

  async #report(): Promise<Report> {
    const callers = this.#outcomes.lines()
    const ids = callers.filter(([mark]) => mark === 'a').map(([, id]) => id as string)
    const history = historyOf({
      callers,
      unread: this.#outcomes.unread(),
      workers: this.#actors.filter(isWorker),
      ledger: linesOf(this.#ledger),
      last: await this.#outcomes.load(ids),
      losses: this.#losses,
      disturbances: this.#disturbances,
      ordered: [ORDERED],
      limit: LIMIT,
    })
    const done = new Set(history.reads.map(({ id }) => id)).size
    const violations = check(history)
    return { history, violations, submitted: ids.length, done, doubles: countDoubles(history), kills: this.#kills }
  }
}

/** Resolves when the process has answered. */
async function ask({ process }: Actor, what: 'restart' | 'finish'): Promise<void> {
  const answer = once(process, 'message', { signal: AbortSignal.timeout(60_000) })
  process.send(what)
  await answer
}

/** In memory one process is both. */
function isCaller({ settings: { name } }: Actor): boolean {
  return !name.startsWith('worker')
}

function isWorker({ settings: { name } }: Actor): boolean {
  return !name.startsWith('caller')
}
