import type { App } from '../../../app/app.ts'
import type { AuditEntry } from '../../../recorder/recording.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Logger } from '../../../std/log.ts'
import { type AuditLog, openAuditLog } from './openAuditLog.ts'

const auditors = new WeakMap<App, Auditor>()

/** The one of an app: of all its APIs. */
export function auditorOf(app: App): Auditor {
  const { logger, clock } = app.config
  const auditor = auditors.get(app) ?? new Auditor(() => openAuditLog(app), logger, clock)
  auditors.set(app, auditor)
  return auditor
}

/** Entries that are kept in memory while none can be written. */
const MAX_PENDING = 1000
/** Refused requests without an identity that are written in a minute: who sends more must not fill the disk. */
const MAX_UNKNOWN = 60
const MINUTE_MS = 60_000

/**
 * Writes the audit log of an API. What cannot be written is in the log of the application, as a whole, and is written
 * later; until then no change is let in. Where the app records nothing (`recorder: false`), the application's log is
 * the audit log.
 */
export class Auditor {
  readonly #open: () => Promise<AuditLog | undefined>
  readonly #logger: Logger
  readonly #clock: Clock
  #opened: Promise<AuditLog | undefined> | undefined
  readonly #pending: AuditEntry[] = []
  #flushing: Promise<boolean> | undefined
  /** Requests without an identity in this minute. */
  #unknown = { since: 0, count: 0 }

  constructor(open: () => Promise<AuditLog | undefined>, logger: Logger, clock: Clock) {
    this.#open = open
    this.#logger = logger
    this.#clock = clock
  }

  /** False while entries cannot be written. What is left over from before is written first. Never rejects. */
  ready(): Promise<boolean> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Resolves when the entry is on the disk, or in the log of the application where that fails. Never rejects. */
  async add(given: Omit<AuditEntry, 'at'>): Promise<void> {
    const entry = { at: this.#clock.now(), ...given }
    if (entry.status === 401 && !this.#countUnknown(entry.at)) return
    try {
      const log = await this.#log()
      if (log) await log.audit(entry)
      else this.#logger.info({ audit: entry }, `audit: ${entry.who} ${entry.action} ${entry.target} ${entry.status}`)
    } catch (error) {
      this.#logger.error(
        { err: error, audit: entry },
        'an entry of the audit log cannot be written: no change is let in',
      )
      if (this.#pending.length < MAX_PENDING) this.#pending.push(entry)
    }
  }

  /** What was written; undefined where the application's log has it. Rejects with StoreUnavailableError. */
  log(): Promise<AuditLog | undefined> {
    return this.#log()
  }

  #log(): Promise<AuditLog | undefined> {
    this.#opened ??= this.#open()
    this.#opened.catch(() => {
      this.#opened = undefined
    })
    return this.#opened
  }

  async #flush(): Promise<boolean> {
    try {
      const log = await this.#log()
      while (log && this.#pending[0]) {
        await log.audit(this.#pending[0])
        this.#pending.shift()
      }
      return true
    } catch (error) {
      this.#logger.error({ err: error, entries: this.#pending.length }, 'the audit log cannot be written')
      return false
    }
  }

  #countUnknown(now: number): boolean {
    if (now - this.#unknown.since >= MINUTE_MS) this.#unknown = { since: now, count: 0 }
    this.#unknown.count++
    if (this.#unknown.count === MAX_UNKNOWN + 1)
      this.#logger.warn({ perMinute: MAX_UNKNOWN }, 'more requests without an identity than the audit log takes')
    return this.#unknown.count <= MAX_UNKNOWN
  }
}
