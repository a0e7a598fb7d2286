import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { AsyncResult } from '../calls/asyncResult.ts'
import { extensionHeaders } from '../calls/extension.ts'
import type { Stores } from '../calls/stores.ts'
import { pieces } from '../std/chunks.ts'
import { ArgumentError, CeleriacError, ConfigError, DecodeError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { requireText } from '../std/validate.ts'
import type { EntryChange, ScheduleStore, StoredEntry } from '../stores/scheduleStore.ts'
import { type Definition, type Entry, readEntry, storedForm } from './entry.ts'
import { infoOf, requireVersion, type ScheduleCondition, type ScheduleInfo } from './info.ts'
import { parseCall, parseDefinition, requireSchedule, type ScheduledCall } from './options.ts'
import { begin } from './plan.ts'
import { ScheduleReader } from './scheduleCache.ts'
import { changedOptions, type ScheduleOptions } from './scheduleOptions.ts'
import { callRun, ignores } from './sender.ts'
import type { Schedule } from './when/schedule.ts'

/** What `update` changes; the rest stays. */
export interface ScheduleChanges {
  when?: Schedule | undefined
  call?: ScheduledCall | undefined
  /** Only the named options change. */
  options?: Omit<ScheduleOptions, 'paused'> | undefined
}

/** An entry of the code, as `sync` compares it. */
interface Defined {
  readonly definition: Definition
  readonly paused: boolean
  readonly digest: string
}

/** An entry, and the store's token for it; undefined where the code defines it and no beat has stored it yet. */
interface Known {
  readonly entry: Entry
  readonly token: string | undefined
}

/** How often a change is attempted while changes of others come first. */
const MAX_CHANGE_ATTEMPTS = 50
const MAX_CHANGES_PER_TRANSACTION = 1000

/**
 * The schedule of an app: what its code defines, and changes while it runs. Beats in any process apply them within
 * moments.
 */
export class Schedules {
  readonly #app: App
  readonly #reader = new ScheduleReader()
  readonly #defined = new Map<string, Defined>()
  #opened: { readonly stores: Stores; readonly store: Promise<ScheduleStore> } | undefined

  constructor(app: App) {
    this.#app = app
  }

  /**
   * Define an entry in code: the store has it once a beat of this code has started. Throws ArgumentError for a call
   * that cannot be scheduled. Changes by `update`, `pause` and `resume` stay until the code's definition changes; an
   * entry that the code no longer has is removed.
   */
  define<Call>(name: string, when: Schedule, call: ScheduledCall<Call>, options: ScheduleOptions = {}): void {
    const definition = this.#parse(name, when, call, options)
    if (this.#defined.has(name)) throw new ArgumentError(`schedule ${name} is defined already in this app`)
    const entry = this.#fresh(name, definition, this.#now(), null, false)
    const digest = uuidOf(storedForm({ ...entry, fire: null, due: null }).text)
    this.#defined.set(name, { definition, paused: options.paused === true, digest })
  }

  /**
   * All entries by name, also those of the code that no beat has stored yet. Rejects with ConfigError,
   * StoreUnavailableError.
   */
  async list(): Promise<readonly ScheduleInfo[]> {
    const stored = await (await this.store()).list()
    const names = new Set(stored.map(({ name }) => name))
    const unstored = [...this.#defined.keys()].filter((name) => !names.has(name))
    const entries = [...stored.map((one) => this.#readable(one)), ...unstored.map((name) => this.#unstored(name))]
    return entries
      .flatMap((entry) => (entry ? [infoOf(entry, this.#reader.of(entry))] : []))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** One entry. Rejects with ArgumentError where there is none of this name. */
  async get(name: string): Promise<ScheduleInfo> {
    const found = await this.find(name)
    if (!found) throw await this.#unknown(name)
    return found
  }

  /** One entry; undefined where there is none of this name. */
  async find(name: string): Promise<ScheduleInfo | undefined> {
    const known = await this.#find(name)
    return known && infoOf(known.entry, this.#reader.of(known.entry))
  }

  /**
   * Add an entry while the app runs; it stays until it is removed. Rejects with ArgumentError where there is one of
   * this name.
   */
  async add<Call>(
    name: string,
    when: Schedule,
    call: ScheduledCall<Call>,
    options: ScheduleOptions = {},
  ): Promise<void> {
    const definition = this.#parse(name, when, call, options)
    if (this.#defined.has(name)) throw new ArgumentError(`schedule ${name} exists already`)
    const store = await this.store()
    await this.#requireResults(name, definition)
    const entry = this.#fresh(name, definition, this.#now(), null, options.paused === true)
    const [added] = await store.swap([{ name, from: undefined, to: storedForm(entry) }])
    if (!added) throw new ArgumentError(`schedule ${name} exists already`)
  }

  /** Change the named parts of an entry. If its times change, the next one is counted from now. */
  async update(name: string, changes: ScheduleChanges, condition: ScheduleCondition = {}): Promise<void> {
    const where = `schedule ${name}`
    const { when, call, options } = changes
    for (const key of Object.keys(changes))
      if (!['when', 'call', 'options'].includes(key))
        throw new ArgumentError(`${where}: unknown change ${key}; known are when, call, options`)
    if (when !== undefined) requireSchedule(when, where)
    const parsed = call === undefined ? {} : parseCall(call, where, this.#app.tasks)
    await this.#change(
      name,
      async (entry) => {
        const old = entry.definition
        const given = options === undefined ? {} : changedOptions(old, options, where)
        const definition: Definition = { ...old, ...parsed, ...given, ...(when && { schedule: when.toJSON() }) }
        this.#requireSettings(name, definition)
        await this.#requireResults(name, definition)
        return this.#redefined(entry, definition, this.#now())
      },
      condition,
    )
  }

  /** Nothing of it is sent until `resume`, also after restarts; runs that pass meanwhile are not missed. */
  async pause(name: string): Promise<void> {
    await this.#change(name, async (entry) => ({ ...entry, paused: true, waiting: null }))
  }

  async resume(name: string): Promise<void> {
    await this.#change(name, async (entry) =>
      entry.paused
        ? { ...entry, paused: false, ...begin(name, entry.definition, this.#reader.of(entry), this.#now()) }
        : entry,
    )
  }

  /** Send its task now, apart from its times and whatever its overlap is. */
  async runNow(name: string): Promise<AsyncResult> {
    const { entry } = await this.#known(name)
    const now = this.#now()
    const result = await callRun(this.#app, { entry: name, fire: now, ...entry.definition })
    await this.#change(name, async (known) => ({
      ...known,
      lastFire: now,
      lastRunAt: now,
      lastId: result.id,
      runs: known.runs + 1,
    }))
    return result
  }

  /**
   * Remove it. An entry that the code defines returns with the next start of a beat: pause it, or take it out of the
   * code.
   */
  async remove(name: string, { version }: ScheduleCondition = {}): Promise<void> {
    const store = await this.store()
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const [stored] = await store.load([name])
      if (!stored) throw await this.#notStored(name)
      if (version !== undefined) requireVersion(readEntry(stored), version)
      const [removed] = await store.swap([{ name, from: stored.token, to: undefined }])
      if (removed) return
    }
    throw busyError(name)
  }

  /**
   * The next moments of an entry from now on, at most `count` (1 to 1000); none of a paused one. An overdue moment is
   * not among them: `get` returns it.
   */
  async next(name: string, count: number = 10): Promise<readonly Date[]> {
    if (!(Number.isInteger(count) && count >= 1 && count <= 1000))
      throw new ArgumentError(`next: expected a count from 1 to 1000, got ${String(count)}`)
    const { entry } = await this.#known(name)
    const { fire, paused, definition } = entry
    if (fire === null || paused) return []
    const schedule = this.#reader.of(entry)
    const end = definition.end ?? Number.POSITIVE_INFINITY
    const now = this.#now()
    const times: Date[] = []
    for (
      let at = fire < now ? schedule.next(new Date(now - 1)) : new Date(fire);
      at && at.getTime() <= end && times.length < count;
      at = schedule.next(at)
    )
      times.push(at)
    return times
  }

  /** The store of the schedule, opened with the app's stores. Rejects with ConfigError where these can keep none. */
  async store(): Promise<ScheduleStore> {
    const stores = await internalsOf(this.#app).stores()
    if (this.#opened?.stores !== stores) {
      const opened = { stores, store: stores.schedule(this.#app.config.name) }
      this.#opened = opened
      // Not kept: the next call tries again.
      opened.store.catch(() => {
        if (this.#opened === opened) this.#opened = undefined
      })
    }
    return this.#opened.store
  }

  /** True when the code defines entries. */
  get defines(): boolean {
    return this.#defined.size > 0
  }

  /** The first step of a beat: writes the code's definitions to the store. Resolves with the number of entries. */
  async sync(now: number): Promise<number> {
    const store = await this.store()
    for (const [name, { definition }] of this.#defined) await this.#requireResults(name, definition)
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const stored = await store.list()
      const changes = this.#syncChanges(stored, now)
      if (changes.length === 0) return stored.length
      for (const piece of pieces(changes, MAX_CHANGES_PER_TRANSACTION)) await store.swap(piece)
    }
    throw new CeleriacError('COMMAND_FAILED', 'the schedule is changed by others all the time')
  }

  /**
   * If the store has lost the whole schedule, as a Redis that was restarted empty: write the code's definitions again.
   */
  async restore(now: number): Promise<void> {
    if (this.#defined.size > 0 && (await (await this.store()).untouched())) await this.sync(now)
  }

  #syncChanges(stored: readonly StoredEntry[], now: number): EntryChange[] {
    const known = new Set(stored.map(({ name }) => name))
    const added = [...this.#defined].flatMap(([name, { definition, digest, paused }]): EntryChange[] => {
      if (known.has(name)) return []
      return [{ name, from: undefined, to: storedForm(this.#fresh(name, definition, now, digest, paused)) }]
    })
    return [...added, ...stored.flatMap((one) => this.#syncChange(one, now))]
  }

  #syncChange(stored: StoredEntry, now: number): EntryChange[] {
    const { name, token } = stored
    const defined = this.#defined.get(name)
    const entry = this.#readable(stored)
    if (!defined) return entry && entry.code !== null ? [{ name, from: token, to: undefined }] : []
    const { definition, digest, paused } = defined
    if (entry?.code === digest) return []
    const next = entry
      ? { ...this.#redefined(entry, definition, now), code: digest }
      : this.#fresh(name, definition, now, digest, paused)
    return [{ name, from: token, to: storedForm(next) }]
  }

  /**
   * Undefined for an entry that cannot be read, as of a later version: beats leave it out, and the code's definition
   * replaces it.
   */
  #readable(stored: StoredEntry): Entry | undefined {
    try {
      const entry = readEntry(stored)
      this.#reader.of(entry)
      return entry
    } catch (error) {
      if (!(error instanceof ArgumentError || error instanceof DecodeError)) throw error
      this.#app.config.logger.warn({}, `schedule ${stored.name} is left out: ${error.message}`)
      return undefined
    }
  }

  #parse(name: string, when: Schedule, call: ScheduledCall, options: ScheduleOptions): Definition {
    const definition = parseDefinition(name, when, call, options, this.#app.tasks)
    this.#requireSettings(name, definition)
    return definition
  }

  /** Throws for what the app's settings and the task's own rule out. */
  #requireSettings(name: string, { overlap, task, options }: Definition): void {
    extensionHeaders(options, task, this.#app.extensions)
    if (overlap === 'allow' || !ignores(this.#app, task, options)) return
    throw new ArgumentError(
      `schedule ${name}: overlap ${overlap} needs to know when a run has ended, and ignoreResult keeps no record`,
    )
  }

  async #requireResults(name: string, { overlap }: Definition): Promise<void> {
    if (overlap === 'allow') return
    const { backend } = await internalsOf(this.#app).stores()
    if (!backend.callerOnly) return
    throw new ConfigError(`schedule ${name}: overlap ${overlap} needs results that are kept; rpc:// keeps none`)
  }

  #now(): number {
    return this.#app.config.clock.now()
  }

  #fresh(name: string, definition: Definition, now: number, code: string | null, paused: boolean): Entry {
    const times = begin(name, definition, this.#reader.of({ definition }), now)
    const never = { waiting: null, lastFire: null, lastRunAt: null, lastId: null, runs: 0 }
    return { name, definition, code, paused, ...times, ...never }
  }

  /** If its times did not change, the next run stays. */
  #redefined(entry: Entry, definition: Definition, now: number): Entry {
    const times = timesOf(entry.definition) === timesOf(definition)
    const waiting = definition.overlap === 'queue' ? entry.waiting : null
    const next = times ? {} : begin(entry.name, definition, this.#reader.of({ definition }), now)
    return { ...entry, definition, waiting, ...next }
  }

  async #known(name: string): Promise<Known> {
    const known = await this.#find(name)
    if (!known) throw await this.#unknown(name)
    return known
  }

  async #find(name: string): Promise<Known | undefined> {
    requireText(name, 'schedule: name')
    const [stored] = await (await this.store()).load([name])
    if (stored) return { entry: readEntry(stored), token: stored.token }
    const entry = this.#unstored(name)
    return entry && { entry, token: undefined }
  }

  #unstored(name: string): Entry | undefined {
    const defined = this.#defined.get(name)
    return defined && this.#fresh(name, defined.definition, this.#now(), defined.digest, defined.paused)
  }

  async #change(
    name: string,
    change: (entry: Entry) => Promise<Entry>,
    { version }: ScheduleCondition = {},
  ): Promise<void> {
    const store = await this.store()
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const { entry, token } = await this.#known(name)
      requireVersion(entry, version)
      const [done] = await store.swap([{ name, from: token, to: storedForm(await change(entry)) }])
      if (done) return
    }
    throw busyError(name)
  }

  async #notStored(name: string): Promise<ArgumentError> {
    if (!this.#defined.has(name)) return this.#unknown(name)
    return new ArgumentError(
      `schedule ${name} is defined in the code, and no beat has stored it yet: pause it, or take it out of the code`,
    )
  }

  async #unknown(name: string): Promise<ArgumentError> {
    const known = (await this.list()).map((one) => one.name)
    return new ArgumentError(
      `no schedule ${name}; ${known.length > 0 ? `there are ${shortList(known)}` : 'there are none'}`,
    )
  }
}

const ofApps = new WeakMap<App, Schedules>()

/** The schedule of an app; that of a `Celeriac` is its `schedules`. */
export function schedulesOf(app: App): Schedules {
  const own = (app as { readonly schedules?: Schedules }).schedules ?? ofApps.get(app)
  if (own) return own
  const made = new Schedules(app)
  ofApps.set(app, made)
  return made
}

function timesOf({ schedule, start, end, jitter }: Definition): string {
  return JSON.stringify([schedule, start, end, jitter])
}

function shortList(names: readonly string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ')
}

function busyError(name: string): CeleriacError {
  return new CeleriacError('COMMAND_FAILED', `schedule ${name} is changed by others all the time`)
}
