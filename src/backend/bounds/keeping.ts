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

/** Whether how much the event logs are has to be known. */
export function countsEvents({ events, eventBytes }: KeepingCaps): boolean {
  return events !== undefined || eventBytes !== undefined
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

/** What is kept of a job that has ended. */
export interface KeptRow {
  /** By which the store finds it again. */
  readonly key: string
  /**
   * When it is dropped anyway, ms since the epoch; where it never is, a number above all moments: `NEVER`, or of a
   * store that does not read in the order of submission one that grows with it.
   */
  readonly expires: number
  readonly bytes: number
  readonly events: number
  readonly eventBytes: number
}

/** How far a read has come. */
export interface Read {
  /** Where the next one begins, in words of the store; undefined: this was the last. */
  readonly next: string | undefined
}

/** Of a store that reads in the order of numbers: `last` is that of the last of so many rows that were read. */
export function readUpTo(last: number, read: number, limit: number): Read {
  return { next: read < limit ? undefined : String(last) }
}

/** Which rows are wanted. */
export interface Wanted {
  /** Of jobs that have ended, and expire no later than this. */
  readonly until: number
  /** About one of so many, which is not related to their order; 1: all. */
  readonly oneOf: number
  /** With the amounts of their events; else these are 0. */
  readonly events: boolean
}

/**
 * Rows of a store: the part of a result backend that makes bounds possible. `from` is '' or the `next` of the read
 * before, `limit` of all rows: fewer are read where that many would take too long.
 */
export interface KeptRows {
  /** How much the rows from this place on are, at most so many. `events`: counts these, too. */
  sum(from: string, limit: number, events: boolean): Promise<Read & KeptAmount>
  /** Those of the rows from this place on, at most so many, that are wanted, in their order. */
  ended(from: string, limit: number, wanted: Wanted): Promise<Read & { readonly rows: readonly KeptRow[] }>
  /** Drop those of these records that are still final, with their event logs, and the metadata of their jobs. */
  drop(rows: readonly KeptRow[]): Promise<void>
  /** Drop the event logs of records that are final, but the newest entry of each: so all numbers stay as they are. */
  dropLogs(rows: readonly KeptRow[]): Promise<void>
}

/** Rows of one read: some milliseconds. */
const PAGE_SIZE = 2000
/** How many records are remembered to find out which expire first. With fewer records than this it is exact. */
const SAMPLE_SIZE = 10_000
/** Of a sample so many records more than were found, and one more for each so many of them. */
const SAMPLE_MARGIN = 10

/** Counts and drops what a store keeps. */
export class Keeping {
  readonly #rows: KeptRows
  readonly #pause: ((took: number) => Promise<void>) | undefined

  /** `pause` is called between two steps, with how long the first one took, ms; where it rejects, this was the last. */
  constructor(rows: KeptRows, pause?: (took: number) => Promise<void>) {
    this.#rows = rows
    this.#pause = pause
  }

  /** Reads all records, in steps between which others are served. `events`: counts these, too. */
  async amount(events: boolean): Promise<KeptAmount> {
    const sum = { results: 0, resultBytes: 0, events: 0, eventBytes: 0 }
    await this.#walk(async (from) => {
      const page = await this.#rows.sum(from, PAGE_SIZE, events)
      sum.results += page.results
      sum.resultBytes += page.resultBytes
      sum.events += page.events
      sum.eventBytes += page.eventBytes
      return page
    })
    return sum
  }

  /** Drop what is beyond the caps, in short writes. */
  async trim(caps: KeepingCaps): Promise<Trimmed> {
    const none = Number.POSITIVE_INFINITY
    const { results = none, resultBytes = none, events = none, eventBytes = none } = caps
    const kept = await this.amount(countsEvents(caps))
    const ofLogs = { count: kept.events - events, bytes: kept.eventBytes - eventBytes }
    const logs = await this.#drop(ofLogs, kept.results, {
      events: true,
      amountOf: droppableLog,
      drop: (rows) => this.#rows.dropLogs(rows),
    })
    const ofRecords = { count: kept.results - results, bytes: kept.resultBytes - resultBytes }
    const records = await this.#drop(ofRecords, kept.results, {
      events: false,
      amountOf: ({ bytes }) => ({ count: 1, bytes }),
      drop: (rows) => this.#rows.drop(rows),
    })
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
  async #drop(beyond: Amount, all: number, { events, amountOf, drop }: Dropping): Promise<Amount & { rows: number }> {
    const done = { count: 0, bytes: 0, rows: 0 }
    const isBeyond = (): boolean => done.count < beyond.count || done.bytes < beyond.bytes
    if (!isBeyond()) return done
    const until = await this.#momentOf(beyond, all, { events, amountOf })
    await this.#walk(async (from) => {
      const page = await this.#rows.ended(from, PAGE_SIZE, { until, oneOf: 1, events })
      const dropped: KeptRow[] = []
      for (const row of page.rows) {
        const { count, bytes } = amountOf(row)
        if (count === 0 || !isBeyond()) continue
        done.count += count
        done.bytes += bytes
        done.rows++
        dropped.push(row)
      }
      if (dropped.length > 0) await drop(dropped)
      return isBeyond() ? page : undefined
    })
    return done
  }

  /** Up to this moment so much expires, or somewhat more. */
  async #momentOf(wanted: Amount, all: number, { events, amountOf }: Omit<Dropping, 'drop'>): Promise<number> {
    const oneOf = Math.max(1, Math.floor(all / SAMPLE_SIZE))
    const sample: KeptRow[] = []
    await this.#walk(async (from) => {
      const page = await this.#rows.ended(from, PAGE_SIZE, { until: Number.MAX_SAFE_INTEGER, oneOf, events })
      sample.push(...page.rows)
      return page
    })
    sample.sort((one, other) => one.expires - other.expires)
    let [count, bytes] = [0, 0]
    const at = sample.findIndex((row) => {
      const amount = amountOf(row)
      count += amount.count * oneOf
      bytes += amount.bytes * oneOf
      return count >= wanted.count && bytes >= wanted.bytes
    })
    // Of a sample somewhat later: no more is dropped than has to be.
    const margin = oneOf === 1 ? 0 : SAMPLE_MARGIN + Math.floor(at / SAMPLE_MARGIN)
    return at === -1 ? Number.MAX_SAFE_INTEGER : (sample[at + margin]?.expires ?? Number.MAX_SAFE_INTEGER)
  }

  /** `see` returns how far it has come; undefined: no further. */
  async #walk(see: (from: string) => Promise<Read | undefined>): Promise<void> {
    for (let from: string | undefined = ''; from !== undefined; ) {
      const since = performance.now()
      from = (await see(from))?.next
      await this.#pause?.(performance.now() - since)
    }
  }
}

interface Amount {
  readonly count: number
  readonly bytes: number
}

interface Dropping {
  /** The amounts of events are needed. */
  readonly events: boolean
  amountOf(row: KeptRow): Amount
  drop(rows: readonly KeptRow[]): Promise<void>
}

/** All but one entry. */
function droppableLog({ events, eventBytes }: KeptRow): Amount {
  return events < 2 ? { count: 0, bytes: 0 } : { count: events - 1, bytes: (eventBytes * (events - 1)) / events }
}
