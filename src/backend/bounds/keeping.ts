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
  /** Its place in the order of submission. */
  readonly seq: number
  /** When it is dropped anyway, ms since the epoch. */
  readonly expires: number
  readonly bytes: number
  readonly events: number
  readonly eventBytes: number
}

/** How far a read has come. */
export interface Read {
  /** Rows that were looked at: fewer than were asked for at the end. */
  readonly read: number
  /** Place of the last one. */
  readonly last: number
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

/** Rows of a store: the part of a result backend that makes bounds possible. `after` and `limit`: of all rows. */
export interface KeptRows {
  /** How much the rows after this place are, at most so many. `events`: counts these, too. */
  sum(after: number, limit: number, events: boolean): Promise<Read & KeptAmount>
  /** Those of the rows after this place, at most so many, that are wanted, in their order. */
  ended(after: number, limit: number, wanted: Wanted): Promise<Read & { readonly rows: readonly KeptRow[] }>
  /** Drop records that are final, with their event logs. */
  drop(seqs: readonly number[]): Promise<void>
  /** Drop the event logs of records that are final, but the newest entry of each: so all numbers stay as they are. */
  dropLogs(seqs: readonly number[]): Promise<void>
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

  constructor(rows: KeptRows) {
    this.#rows = rows
  }

  /** Reads all records, in steps between which others are served. `events`: counts these, too. */
  async amount(events: boolean): Promise<KeptAmount> {
    const sum = { results: 0, resultBytes: 0, events: 0, eventBytes: 0 }
    await this.#walk(async (after) => {
      const page = await this.#rows.sum(after, PAGE_SIZE, events)
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
      drop: (seqs) => this.#rows.dropLogs(seqs),
    })
    const ofRecords = { count: kept.results - results, bytes: kept.resultBytes - resultBytes }
    const records = await this.#drop(ofRecords, kept.results, {
      events: false,
      amountOf: ({ bytes }) => ({ count: 1, bytes }),
      drop: (seqs) => this.#rows.drop(seqs),
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
    await this.#walk(async (after) => {
      const page = await this.#rows.ended(after, PAGE_SIZE, { until, oneOf: 1, events })
      const seqs: number[] = []
      for (const row of page.rows) {
        const { count, bytes } = amountOf(row)
        if (count === 0 || !isBeyond()) continue
        done.count += count
        done.bytes += bytes
        done.rows++
        seqs.push(row.seq)
      }
      if (seqs.length > 0) await drop(seqs)
      return isBeyond() ? page : undefined
    })
    return done
  }

  /** Up to this moment so much expires, or somewhat more. */
  async #momentOf(wanted: Amount, all: number, { events, amountOf }: Omit<Dropping, 'drop'>): Promise<number> {
    const oneOf = Math.max(1, Math.floor(all / SAMPLE_SIZE))
    const sample: KeptRow[] = []
    await this.#walk(async (after) => {
      const page = await this.#rows.ended(after, PAGE_SIZE, { until: Number.MAX_SAFE_INTEGER, oneOf, events })
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
  async #walk(see: (after: number) => Promise<Read | undefined>): Promise<void> {
    for (let after = 0; ; ) {
      const seen = await see(after)
      if (!seen || seen.read < PAGE_SIZE) return
      after = seen.last
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
  drop(seqs: readonly number[]): Promise<void>
}

/** All but one entry. */
function droppableLog({ events, eventBytes }: KeptRow): Amount {
  return events < 2 ? { count: 0, bytes: 0 } : { count: events - 1, bytes: (eventBytes * (events - 1)) / events }
}
