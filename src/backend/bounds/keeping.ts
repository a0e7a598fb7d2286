/*
 * How much of what has ended is kept: bounds by number and bytes, beside the time that `retention.ts` is about. The
 * records that expire first go first; where nothing expires, those that were submitted first. Never those of jobs that
 * have not ended.
 */

/** Most that is kept; undefined: any amount. */
export interface KeepingCaps {
  /** Records of jobs that have ended. */
  readonly results?: number | undefined
  /** Bytes of these records, with the input that is kept with them. */
  readonly resultBytes?: number | undefined
  /** Entries of event logs, of all jobs. Those of jobs that have ended are dropped. */
  readonly events?: number | undefined
  readonly eventBytes?: number | undefined
}

/** How much is kept: of records those of jobs that have ended, of event logs all. */
export interface KeptAmount {
  readonly results: number
  readonly resultBytes: number
  /** 0 where they were not counted. */
  readonly events: number
  readonly eventBytes: number
}

/** What is kept after a trim, and how many records and event logs it has dropped. */
export interface Trimmed {
  readonly kept: KeptAmount
  readonly dropped: { readonly results: number; readonly logs: number }
}

/** What is kept of one job. */
export interface KeptRow {
  /** Its place in the order of submission. */
  readonly seq: number
  /** When it is dropped anyway, ms since the epoch. */
  readonly expires: number
  readonly final: boolean
  readonly bytes: number
  readonly events: number
  readonly eventBytes: number
}

/** Rows of a store: the part of a result backend that makes bounds possible. */
export interface KeptRows {
  /** Those after this place, in their order, at most so many. */
  page(after: number, limit: number, events: boolean): Promise<readonly KeptRow[]>
  /** Drop records that are final, with their event logs. */
  drop(seqs: readonly number[]): Promise<void>
  /** Drop the event logs of records that are final, but the newest entry of each: so all numbers stay as they are. */
  dropLogs(seqs: readonly number[]): Promise<void>
}

/** Rows of one read. */
const PAGE_SIZE = 1000
/** How many records are remembered to find out which expire first. With fewer records than this it is exact. */
const SAMPLE_SIZE = 10_000

const NOTHING: KeptAmount = { results: 0, resultBytes: 0, events: 0, eventBytes: 0 }

/** Counts and drops what a store keeps. */
export class Keeping {
  readonly #rows: KeptRows

  constructor(rows: KeptRows) {
    this.#rows = rows
  }

  /** Reads all records, in steps between which others are served. `events`: counts these, too. */
  async amount(events: boolean): Promise<KeptAmount> {
    let sum = NOTHING
    await this.#walk(events, async (row) => {
      sum = added(sum, row)
      return true
    })
    return sum
  }

  /** Drop what is beyond the caps, in short writes. */
  async trim(caps: KeepingCaps): Promise<Trimmed> {
    const { results = Number.POSITIVE_INFINITY, resultBytes = Number.POSITIVE_INFINITY } = caps
    const { events = Number.POSITIVE_INFINITY, eventBytes = Number.POSITIVE_INFINITY } = caps
    const hasEvents = caps.events !== undefined || caps.eventBytes !== undefined
    const sample = new Sample(SAMPLE_SIZE)
    let kept = NOTHING
    await this.#walk(hasEvents, async (row) => {
      kept = added(kept, row)
      if (row.final) sample.add(row)
      return true
    })
    const logs = await this.#drop(
      { count: kept.events - events, bytes: kept.eventBytes - eventBytes },
      sample,
      droppableLog,
      (seqs) => this.#rows.dropLogs(seqs),
      true,
    )
    const records = await this.#drop(
      { count: kept.results - results, bytes: kept.resultBytes - resultBytes },
      sample,
      ({ bytes }) => ({ count: 1, bytes }),
      (seqs) => this.#rows.drop(seqs),
      false,
    )
    return {
      kept: {
        results: kept.results - records.count,
        resultBytes: kept.resultBytes - records.bytes,
        events: kept.events - logs.count,
        eventBytes: kept.eventBytes - logs.bytes,
      },
      dropped: { results: records.rows, logs: logs.rows },
    }
  }

  /** Drop as much as is beyond the caps, of what expires first. Returns how much that was. */
  async #drop(
    beyond: Amount,
    sample: Sample,
    amountOf: (row: KeptRow) => Amount,
    drop: (seqs: readonly number[]) => Promise<void>,
    events: boolean,
  ): Promise<Amount & { rows: number }> {
    const done = { count: 0, bytes: 0, rows: 0 }
    const isBeyond = (): boolean => done.count < beyond.count || done.bytes < beyond.bytes
    if (!isBeyond()) return done
    const until = sample.moment(beyond, amountOf)
    let seqs: number[] = []
    await this.#walk(events, async (row, isLast) => {
      const { count, bytes } = amountOf(row)
      if (row.final && row.expires <= until && count > 0 && isBeyond()) {
        seqs.push(row.seq)
        done.count += count
        done.bytes += bytes
        done.rows++
      }
      if ((isLast || seqs.length >= PAGE_SIZE) && seqs.length > 0) {
        await drop(seqs)
        seqs = []
      }
      return isBeyond()
    })
    if (seqs.length > 0) await drop(seqs)
    return done
  }

  /** `see` returns false where it has seen enough. `isLast`: of this page. */
  async #walk(events: boolean, see: (row: KeptRow, isLast: boolean) => Promise<boolean>): Promise<void> {
    for (let after = 0; ; ) {
      const page = await this.#rows.page(after, PAGE_SIZE, events)
      for (const [at, row] of page.entries()) if (!(await see(row, at === page.length - 1))) return
      const last = page.at(-1)
      if (!last || page.length < PAGE_SIZE) return
      after = last.seq
    }
  }
}

interface Amount {
  readonly count: number
  readonly bytes: number
}

/** All but one entry. */
function droppableLog({ events, eventBytes }: KeptRow): Amount {
  return events < 2 ? { count: 0, bytes: 0 } : { count: events - 1, bytes: (eventBytes * (events - 1)) / events }
}

function added(sum: KeptAmount, row: KeptRow): KeptAmount {
  return {
    results: sum.results + (row.final ? 1 : 0),
    resultBytes: sum.resultBytes + (row.final ? row.bytes : 0),
    events: sum.events + row.events,
    eventBytes: sum.eventBytes + row.eventBytes,
  }
}

/** Rows that stand for all of those that were added, each as likely as any other. */
class Sample {
  readonly #size: number
  readonly #rows: KeptRow[] = []
  #count = 0

  constructor(size: number) {
    this.#size = size
  }

  add(row: KeptRow): void {
    this.#count++
    if (this.#rows.length < this.#size) {
      this.#rows.push(row)
      return
    }
    const at = Math.floor(Math.random() * this.#count)
    if (at < this.#size) this.#rows[at] = row
  }

  /** Up to this moment so much expires, or somewhat more. */
  moment(wanted: Amount, amountOf: (row: KeptRow) => Amount): number {
    const rows = this.#rows.toSorted((one, other) => one.expires - other.expires)
    const weight = this.#count / Math.max(1, rows.length)
    let [count, bytes] = [0, 0]
    for (const row of rows) {
      const amount = amountOf(row)
      count += amount.count * weight
      bytes += amount.bytes * weight
      if (count >= wanted.count && bytes >= wanted.bytes) return row.expires
    }
    return Number.MAX_SAFE_INTEGER
  }
}
