import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER } from '../../../backend/retention.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import type { Statement } from '../connection/pipeline.ts'

/** How often what has expired is dropped, ms, and how many rows of a table one statement reads for it. */
const INTERVAL_MS = 60_000
const MAX_ROWS = 1000
/** How many statements that find nothing to drop follow each other, before the rest waits for the next time. */
const MAX_VAIN = 50

/*
 * Records are in the order of their submission, so the search ends at the first that is too young to have expired: that
 * needs no index, which would make every write slower. `$1` is after which record, `$2` the moment. Of several
 * processes one does it at a time. Answers with how many records it has read and how many rows it has dropped, and the
 * last record.
 */
const CLEAN: Statement = {
  name: 'clean',
  text: `WITH mine AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtext('celeriac.clean')) AS ok),
    seen AS MATERIALIZED (
      SELECT seq, created, expires FROM celeriac.result WHERE (SELECT ok FROM mine) AND seq > $1::bigint
      ORDER BY seq LIMIT ${MAX_ROWS}
    ), results AS (
      DELETE FROM celeriac.result r USING seen s
      WHERE r.seq = s.seq AND s.expires < $2::bigint AND r.expires < $2::bigint RETURNING r.seq
    ), events AS (DELETE FROM celeriac.event e USING results r WHERE e.job = r.seq
    ), origins AS (DELETE FROM celeriac.origin o USING results r WHERE o.seq = r.seq
    ), revoked AS (
      DELETE FROM celeriac.revoked WHERE (SELECT ok FROM mine) AND id IN
        (SELECT id FROM celeriac.revoked WHERE expires < $2::bigint LIMIT ${MAX_ROWS})
      RETURNING 1
    ), notes AS (
      DELETE FROM celeriac.note WHERE (SELECT ok FROM mine) AND key IN
        (SELECT key FROM celeriac.note WHERE expires < $2::bigint LIMIT ${MAX_ROWS})
      RETURNING 1
    ), chords AS (
      DELETE FROM celeriac.chord WHERE (SELECT ok FROM mine) AND seq IN
        (SELECT seq FROM celeriac.chord WHERE expires <= $2::bigint LIMIT ${MAX_ROWS} FOR UPDATE SKIP LOCKED)
      RETURNING seq
    ), parts AS (DELETE FROM celeriac.part p USING chords c WHERE p.chord = c.seq)
    SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM results),
      (SELECT count(*) FROM revoked) + (SELECT count(*) FROM notes) + (SELECT count(*) FROM chords),
      (SELECT max(seq) FROM seen), (SELECT created FROM seen ORDER BY seq DESC LIMIT 1)`,
}

/** Drops what has expired, once a minute, a window at a time. */
export class Cleaning {
  readonly #database: Database
  readonly #clock: Clock
  readonly #expires: number
  readonly #afterwards: () => Promise<void>
  readonly #timer: NodeJS.Timeout
  /** Where the next search begins. */
  #after = 0
  #isClosed = false
  #isCleaning = false

  /**
   * `expires`: how long the record of a finished task is kept, ms; 0: for ever. `afterwards`: cleans what is left, each
   * time.
   */
  constructor(database: Database, expires: number, clock: Clock, afterwards: () => Promise<void>) {
    this.#database = database
    this.#clock = clock
    this.#expires = expires || NEVER
    this.#afterwards = afterwards
    this.#timer = setInterval(() => {
      if (this.#isCleaning) return
      this.#isCleaning = true
      // A store that cannot be written now is cleaned a minute later; callers that need it meanwhile get the error.
      void this.#clean()
        .then(this.#afterwards)
        .catch(() => undefined)
        .finally(() => {
          this.#isCleaning = false
        })
    }, INTERVAL_MS).unref()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  async #clean(): Promise<void> {
    for (let vain = 0; vain < MAX_VAIN && !this.#isClosed; ) {
      const started = performance.now()
      const now = Math.floor(this.#clock.now())
      const [[row = []] = []] = await this.#database.run([{ statement: CLEAN, values: [this.#after, now] }])
      const [read, dropped, others, last, created] = row.map(Number) as [number, number, number, number, number]
      const isEnd = read < MAX_ROWS || created > now - this.#expires
      this.#after = isEnd ? 0 : last
      if (isEnd && others < MAX_ROWS) return
      if (dropped + others === 0) vain++
      // Between two windows others write.
      await sleep(2 * (performance.now() - started), undefined, { ref: false })
    }
  }
}
