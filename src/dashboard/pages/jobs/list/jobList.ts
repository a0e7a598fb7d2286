import type { LiveJobsDocument } from '../../../../protocol/liveDocument.ts'
import { type Signal, signal } from '../../../api/signal.ts'
import { type LoadPortion, PagedList } from '../../../parts/rows/pagedList.ts'
import { type JobRow, ofRecorded } from './jobRow.ts'

/** New jobs that the list does not show, as the user reads. */
export interface NewJobs {
  readonly count: number
  /** There are more than were counted. */
  readonly isMore: boolean
}

/** Jobs of a filter that a live stream does not know. */
export interface ListBounds {
  readonly states: ReadonlySet<string>
  /** ms since the epoch; undefined: the list has no such end. */
  readonly since: number | undefined
  readonly until: number | undefined
}

const NONE: NewJobs = { count: 0, isMore: false }
/** Where more has changed than a message says, the list is loaded again, so often at most, ms. */
const AGAIN_MS = 1000
/** Rows of the first page before it is loaded again as a short one. */
const MAX_HEAD = 1000
/** Ids of new jobs that are counted. */
const MAX_NEW = 1000
/** Changes that may be newer than an answer that is on its way. */
const MAX_RECENT = 1000

/** The jobs of one filter, newest first; they change as they are read. */
export class JobList {
  readonly rows: PagedList<JobRow>
  readonly fresh: Signal<NewJobs> = signal(NONE)
  /** How many messages had changes. */
  changes = 0
  /** New jobs do not come in while the user reads, so that no row moves. */
  isReading: () => boolean = () => false
  readonly #bounds: ListBounds
  readonly #new = new Set<string>()
  readonly #recent = new Map<string, JobRow>()
  #isMore = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #listedAt = 0

  constructor(load: LoadPortion<JobRow>, bounds: ListBounds) {
    this.#bounds = bounds
    const newest = (row: JobRow): JobRow => {
      const other = this.#recent.get(row.id)
      return other && (other.changedAt ?? '') > (row.changedAt ?? '') ? other : row
    }
    this.rows = new PagedList(
      async (...asked) => {
        const { items, cursor } = await load(...asked)
        return { items: items.map(newest), cursor }
      },
      ({ id }) => id,
    )
  }

  /** All of it once more, from the newest job on. */
  async restart(): Promise<void> {
    this.#listedAt = Date.now()
    this.#new.clear()
    this.#isMore = false
    this.fresh.value = NONE
    await this.rows.restart()
  }

  /** A stream has begun, or left something out. */
  begin(): void {
    this.#again(true)
  }

  change({ jobs, more }: LiveJobsDocument): void {
    if (jobs.length > 0 || more > 0) this.changes++
    const changed = new Map(jobs.map((job) => [job.id, ofRecorded(job)]))
    this.#keep(changed)
    const others = new Map(changed)
    this.rows.update((row) => {
      others.delete(row.id)
      return changed.get(row.id) ?? row
    })
    this.#come([...others.values()].filter((row) => this.#isNew(row)))
    if (more > 0) this.#again(false)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.rows.close()
  }

  #keep(changed: ReadonlyMap<string, JobRow>): void {
    for (const [id, row] of changed) {
      this.#recent.delete(id)
      this.#recent.set(id, row)
    }
    for (const id of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) break
      this.#recent.delete(id)
    }
  }

  /** It fits, and belongs before what the list has loaded. */
  #isNew(row: JobRow): boolean {
    const { states, since, until } = this.#bounds
    if (states.size > 0 && !states.has(row.state)) return false
    const at = Date.parse(row.firstAt ?? '')
    if ((since !== undefined && at < since) || (until !== undefined && at >= until)) return false
    const { rows } = this
    // A job that has fitted all along is new only if it is newer than all others.
    if (states.size === 0) return (row.firstAt ?? '') >= (rows.at(0)?.firstAt ?? '')
    // Behind the last that is loaded it comes with the pages that follow.
    const last = rows.at(rows.count - 1)
    return rows.state === 'ended' || last === undefined || (row.firstAt ?? '') >= (last.firstAt ?? '')
  }

  /** Rows that are newer than the first one come on top, unless the user reads. */
  #come(found: readonly JobRow[]): void {
    if (found.length === 0 || this.rows.state === 'failed') return
    if (this.isReading()) {
      for (const { id } of found) if (this.#new.size < MAX_NEW) this.#new.add(id)
      this.#say()
      return
    }
    const top = this.rows.at(0)?.firstAt ?? ''
    const newer = found.filter(({ firstAt = '' }) => firstAt >= top).sort(byTime)
    if (newer.length > 0) this.rows.prepend(newer)
    // Older ones, as those that have just come into a state of the filter, have their place further down.
    if (newer.length < found.length || this.rows.headSize > MAX_HEAD) this.#again(false)
  }

  #say(): void {
    this.fresh.value = { count: this.#new.size, isMore: this.#isMore || this.#new.size >= MAX_NEW }
  }

  /** Load it again, at most once in a while: what is seen in place while the user reads. */
  #again(isNow: boolean): void {
    if (this.#timer !== undefined) return
    const left = isNow ? 0 : Math.max(0, this.#listedAt + AGAIN_MS - Date.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#listedAt = Date.now()
      if (!this.isReading()) {
        void this.restart()
        return
      }
      this.rows.refresh()
      this.#isMore = true
      this.#say()
    }, left)
  }
}

function byTime({ firstAt: one = '' }: JobRow, { firstAt: other = '' }: JobRow): number {
  return one < other ? 1 : one > other ? -1 : 0
}
