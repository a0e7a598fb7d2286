import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { isOver } from '../protocol/result.ts'
import { pieces } from '../std/chunks.ts'
import type { Clock } from '../std/clock.ts'
import { isStoreAway } from '../std/thrown.ts'
import type { EntryChange, ScheduleStore, StoredEntry } from '../stores/scheduleStore.ts'
import { type Entry, type Run, readEntry, storedForm, storedRun } from './entry.ts'
import { type Plan, plan } from './plan.ts'
import { ScheduleReader } from './scheduleCache.ts'
import type { Sender } from './sender.ts'
import type { Schedule } from './when/schedule.ts'

const MAX_ENTRIES_PER_TICK = 1000
const MAX_ENTRIES_PER_CLAIM = 250
/** How long a beat holds the run that it claimed, ms: if that beat died, another one sends the run afterwards. */
export const RUN_LEASE_MS = 5000
/** Delay before the next look when another beat claimed first, ms: that beat may die before it sends. */
const RETRY_DELAY_MS = 100

/** The result of a look. */
export interface Look {
  /** When there is more to do; undefined: when something changes. */
  readonly next: number | undefined
  /** Ids of the tasks that a waiting run waits for. */
  readonly awaited: ReadonlySet<string>
}

interface Candidate {
  readonly stored: StoredEntry
  readonly entry: Entry
  readonly schedule: Schedule
}

/** What happens to an entry. */
interface Planned {
  readonly stored: StoredEntry
  readonly one: Plan
}

export interface TickerParts {
  readonly app: App
  readonly store: ScheduleStore
  readonly sender: Sender
  readonly clock: Clock
}

/**
 * One look at the schedule after the other: due runs are planned, claimed and sent. Keeps nothing that another beat
 * would need.
 */
export class Ticker {
  readonly #parts: TickerParts
  readonly #reader = new ScheduleReader()
  /** Entries that cannot be read, by name: the token of the version that was reported. */
  readonly #bad = new Map<string, string>()

  constructor(parts: TickerParts) {
    this.#parts = parts
  }

  /** Send all that is due. Rejects with StoreUnavailableError; then nothing is lost. */
  async look(): Promise<Look> {
    const { store, clock } = this.#parts
    const now = clock.now()
    const limit = MAX_ENTRIES_PER_TICK + this.#bad.size
    const { entries, waiting, claimed, next } = await store.due(now, limit)
    const names = new Set(entries.map(({ name }) => name))
    const found = [...entries, ...waiting.filter(({ name }) => !names.has(name))]
    const candidates = found.flatMap((stored) => this.#read(stored))
    const busy = await this.#busy(candidates, new Set(claimed))
    const plans = candidates.map((one) => this.#plan(one, now, busy))
    const soon = await this.#carryOut(candidates, plans, now)
    const awaited = new Set(plans.flatMap(awaitedBy))
    if (entries.length >= limit) return { next: now, awaited }
    if (claimed.length > 0 && (await this.#recover(now)) > 0) return { next: now, awaited }
    // If the clock is set back, the runs that are claimed now must not wait for that long.
    const again = claimed.length > 0 ? now + RUN_LEASE_MS : undefined
    const times = [next, soon, again, ...plans.map((one) => one?.entry.due)].filter((time) => typeof time === 'number')
    return { next: times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b)), awaited }
  }

  /** Send runs that were claimed and not sent in time; resolves with how many there were. */
  async #recover(now: number): Promise<number> {
    const { store, sender } = this.#parts
    const runs = await store.takeRuns(now, now + RUN_LEASE_MS, MAX_ENTRIES_PER_TICK)
    await sender.sendAgain(runs)
    return runs.length
  }

  /**
   * Claim and send, in parts: claimed runs are sent while the store claims the next. Resolves with when to look again,
   * where that is sooner than by the schedule.
   */
  async #carryOut(
    candidates: readonly Candidate[],
    plans: readonly (Plan | undefined)[],
    now: number,
  ): Promise<number | undefined> {
    const changed = candidates.flatMap(({ stored, entry }, at): Planned[] => {
      const one = plans[at]
      return one && one.entry !== entry ? [{ stored, one }] : []
    })
    // All of them, also when one fails: the next look must not run beside this one.
    const ended = await Promise.allSettled(
      pieces(changed, MAX_ENTRIES_PER_CLAIM).map((piece) => this.#claim(piece, now)),
    )
    const soon = ended.flatMap((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value ?? []
    })
    return soon.length === 0 ? undefined : Math.min(...soon)
  }

  async #claim(planned: readonly Planned[], now: number): Promise<number | undefined> {
    const { store, sender, app } = this.#parts
    const changes = planned.map(({ stored, one }) => changeOf(stored, one, now))
    const won = await store.swap(changes, { quiet: true })
    const ours = planned.filter((_, at) => won[at]).map(({ one }) => one)
    const runs: Run[] = ours.flatMap((one) => one.runs)
    const sent = runs.length === 0 || (await sender.send(runs))
    for (const { entry, skipped } of ours) {
      if (skipped) app.signals.emit('beat:skipped', { entry: entry.name, reason: skipped })
    }
    if (won.includes(false)) return now + RETRY_DELAY_MS
    return sent ? undefined : now + RUN_LEASE_MS
  }

  /** Ids among the last runs of these that still wait or run, or are yet to be sent. */
  async #busy(candidates: readonly Candidate[], claimed: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const ids = candidates.flatMap(({ entry: { lastId, definition } }) =>
      lastId === null || definition.overlap === 'allow' ? [] : [lastId],
    )
    if (ids.length === 0) return new Set()
    const { backend } = await internalsOf(this.#parts.app).stores()
    const known = await backend.load(ids)
    return new Set(
      ids.filter((id, at) => {
        const meta = known[at]
        return meta ? !isOver(meta) : claimed.has(id)
      }),
    )
  }

  #read(stored: StoredEntry): Candidate[] {
    try {
      const entry = readEntry(stored)
      return [{ stored, entry, schedule: this.#reader.of(entry) }]
    } catch (error) {
      this.#skip(stored, error)
      return []
    }
  }

  #plan({ stored, entry, schedule }: Candidate, now: number, busy: ReadonlySet<string>): Plan | undefined {
    try {
      const { app } = this.#parts
      const question = { app: app.config.name, entry, schedule, now, busy: busy.has(entry.lastId ?? '') }
      const found = plan(question)
      const idle = found.runs.length === 0 && found.entry.fire === entry.fire && found.entry.waiting === entry.waiting
      return idle ? { ...found, entry } : found
    } catch (error) {
      this.#skip(stored, error)
      return undefined
    }
  }

  /** One bad entry must not stop the others; reported once. */
  #skip({ name, token }: StoredEntry, error: unknown): void {
    if (isStoreAway(error)) throw error
    if (this.#bad.get(name) === token) return
    this.#bad.set(name, token)
    this.#parts.app.signals.emit('beat:error', { error, doing: `schedule ${name} is left out: it cannot be read` })
  }
}

function changeOf({ name, token }: StoredEntry, { entry, runs }: Plan, now: number): EntryChange {
  return {
    name,
    from: token,
    to: storedForm(entry),
    runs: runs.map((run) => ({ ...storedRun(run), until: now + RUN_LEASE_MS })),
  }
}

/** The task before, where a run waits for it. */
function awaitedBy(one: Plan | undefined): string[] {
  const { waiting = null, lastId = null } = one?.entry ?? {}
  return waiting === null || lastId === null ? [] : [lastId]
}
