import type { StatementSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { fits } from '../../../backend/jobFilter.ts'
import type { ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { hasWords, MAX_SEARCHED_RECORDS } from '../../../backend/jobSearch.ts'
import { ERROR_STATES, errorOf } from '../../../protocol/exception.ts'
import type { ErrorInfo } from '../../../protocol/outcome.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import type { SqliteFile } from '../file.ts'
import type { StoredRow } from './eventLog.ts'

/**
 * The fields of each record that are searched: all but a result, which may be long; `meta` only where it is an error.
 */
interface Candidate {
  readonly seq: number
  readonly id: string
  readonly task: string | null
  readonly state: string
  readonly version: number
  readonly created: number
  readonly tags: string | null
  readonly format: string
  readonly meta: string | Uint8Array | null
}

interface Found {
  readonly seq: number
  readonly meta: TaskMeta
}

type Filter = Omit<ListFilter, 'q' | 'limit' | 'cursor'>

/** Records read in one step; between two steps other work of this process gets its turn. */
const RECORDS_PER_STEP = 500

const COLUMNS = `celeriac_result.seq AS seq, id, task, state, version, created, tags, format,
  CASE WHEN state IN (${ERROR_STATES.map((state) => `'${state}'`).join(', ')}) THEN meta END AS meta`

/**
 * The list by a search (`ListFilter.q`). SQLite knows upper and lower case of ASCII only and no index finds a part of a
 * text, so records are searched here, newest first, a bounded number for each page.
 */
export class SqliteSearch {
  readonly #file: SqliteFile
  readonly #metaOf: (row: StoredRow) => TaskMeta
  readonly #all: StatementSync
  readonly #tagged: StatementSync
  readonly #owned: StatementSync
  readonly #load: StatementSync

  constructor(file: SqliteFile, metaOf: (row: StoredRow) => TaskMeta) {
    const { db } = file
    this.#file = file
    this.#metaOf = metaOf
    this.#all = db.prepare(`SELECT ${COLUMNS} FROM celeriac_result LEFT JOIN celeriac_origin USING (seq)
      WHERE celeriac_result.seq < :before ORDER BY celeriac_result.seq DESC LIMIT ${RECORDS_PER_STEP}`)
    this.#tagged = db.prepare(`SELECT ${COLUMNS} FROM celeriac_origin CROSS JOIN celeriac_result USING (seq)
      WHERE celeriac_origin.seq < :before ORDER BY celeriac_origin.seq DESC LIMIT ${RECORDS_PER_STEP}`)
    this.#owned = db.prepare(`SELECT ${COLUMNS} FROM celeriac_origin CROSS JOIN celeriac_result USING (seq)
      WHERE celeriac_origin.owner = :owner AND celeriac_origin.seq < :before
      ORDER BY celeriac_origin.seq DESC LIMIT ${RECORDS_PER_STEP}`)
    this.#load = db.prepare('SELECT id, task, state, version, created, format, meta FROM celeriac_result WHERE seq = ?')
  }

  /** The page below `before`; short, or empty, with a cursor if the bound was reached before the last record. */
  async page(
    words: readonly string[],
    filter: Filter,
    { before, limit }: { before: number; limit: number },
  ): Promise<MetaPage> {
    const found: Found[] = []
    let place = before
    for (let looked = 0; looked < MAX_SEARCHED_RECORDS; looked += RECORDS_PER_STEP) {
      if (looked > 0) await turn()
      const rows = await this.#file.read(() => {
        const candidates = this.#below(place, filter)
        found.push(...this.#find(candidates, words, filter, limit + 1 - found.length))
        return candidates
      })
      const last = found[limit - 1]
      if (last && found.length > limit) return { metas: metasOf(found.slice(0, limit)), cursor: String(last.seq) }
      const end = rows.at(-1)
      if (!end || rows.length < RECORDS_PER_STEP) return { metas: metasOf(found) }
      place = end.seq
    }
    return { metas: metasOf(found), cursor: String(place) }
  }

  #below(before: number, { owner, tag }: Filter): Candidate[] {
    const rows =
      owner !== undefined
        ? this.#owned.all({ before, owner })
        : tag !== undefined
          ? this.#tagged.all({ before })
          : this.#all.all({ before })
    return rows as unknown as Candidate[]
  }

  #find(rows: readonly Candidate[], words: readonly string[], filter: Filter, most: number): Found[] {
    const found: Found[] = []
    for (const row of rows) {
      if (found.length === most) break
      if (!this.#fits(row, words, filter)) continue
      const stored = this.#load.get(row.seq) as StoredRow | undefined
      if (stored) found.push({ seq: row.seq, meta: this.#metaOf(stored) })
    }
    return found
  }

  #fits(row: Candidate, words: readonly string[], { tag, since, ...filter }: Filter): boolean {
    const task = row.task ?? undefined
    if (!fits({ state: row.state, task }, filter)) return false
    if (since !== undefined && row.created < since) return false
    const tags = row.tags === null ? undefined : (JSON.parse(row.tags) as string[])
    if (tag !== undefined && !tags?.includes(tag)) return false
    const { id, state: status, meta } = row
    const error = (): ErrorInfo | undefined => (meta === null ? undefined : errorOf(this.#metaOf({ ...row, meta })))
    return hasWords(words, { id, task, tags, status, error })
  }
}

function metasOf(found: readonly Found[]): TaskMeta[] {
  return found.map(({ meta }) => meta)
}
