import { fits } from '../../../backend/jobFilter.ts'
import type { ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { hasWords, MAX_SEARCHED_RECORDS } from '../../../backend/jobSearch.ts'
import { ERROR_STATES, errorOf } from '../../../protocol/exception.ts'
import type { ErrorInfo } from '../../../protocol/outcome.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { metaOf, STORED, type Stored, storedOf } from './stored.ts'

/**
 * The fields of each record that are searched: all but a result, which may be long; `meta` only where it is an error.
 */
interface Candidate extends Stored {
  readonly hasMeta: boolean
  readonly tags: readonly string[] | undefined
}

type Filter = Omit<ListFilter, 'q' | 'limit' | 'cursor'>

/** Records read in one step. */
const RECORDS_PER_STEP = 1000

const IS_ERROR = `r.state IN (${ERROR_STATES.map((state) => `'${state}'`).join(', ')})`
const COLUMNS = `r.seq, r.id, r.task, r.state, r.version, r.created, r.format, CASE WHEN ${IS_ERROR} THEN r.meta END,
  CASE WHEN ${IS_ERROR} THEN encode(r.bytes, 'base64') END, to_json(o.tags)`
const ALL: Statement = {
  name: 'search',
  text: `SELECT ${COLUMNS} FROM celeriac.result r LEFT JOIN celeriac.origin o USING (seq)
    WHERE r.seq < $1::bigint ORDER BY r.seq DESC LIMIT ${RECORDS_PER_STEP}`,
}
const TAGGED: Statement = {
  name: 'search_tagged',
  text: `SELECT ${COLUMNS} FROM celeriac.origin o JOIN celeriac.result r USING (seq)
    WHERE o.seq < $1::bigint ORDER BY o.seq DESC LIMIT ${RECORDS_PER_STEP}`,
}
const OWNED: Statement = {
  name: 'search_owned',
  text: `SELECT ${COLUMNS} FROM celeriac.origin o JOIN celeriac.result r USING (seq)
    WHERE o.owner = $2 AND o.seq < $1::bigint ORDER BY o.seq DESC LIMIT ${RECORDS_PER_STEP}`,
}
const LOAD = new RowsStatement(
  'found',
  { seq: 'int' },
  `SELECT ${STORED} FROM given g JOIN celeriac.result r ON r.seq = g.seq ORDER BY g.at`,
)

/**
 * The list by a search (`ListFilter.q`). Every store finds the same, whatever its locale, so records are searched here,
 * newest first, a bounded number for each page.
 */
export class Search {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The page below `before`; short, or empty, with a cursor if the bound was reached before the last record. */
  async page(
    words: readonly string[],
    filter: Filter,
    { before, limit }: { before: number; limit: number },
  ): Promise<MetaPage> {
    const found: number[] = []
    let place = before
    for (let looked = 0; looked < MAX_SEARCHED_RECORDS; looked += RECORDS_PER_STEP) {
      const [rows = []] = await this.#database.run([below(place, filter)], { repeatable: true })
      for (const row of rows) {
        if (found.length > limit) break
        const candidate = candidateOf(row)
        if (isFound(candidate, words, filter)) found.push(candidate.seq)
      }
      if (found.length > limit)
        return { metas: await this.#load(found.slice(0, limit)), cursor: String(found[limit - 1]) }
      if (rows.length < RECORDS_PER_STEP) return { metas: await this.#load(found) }
      place = Number(rows.at(-1)?.[0])
    }
    return { metas: await this.#load(found), cursor: String(place) }
  }

  async #load(found: readonly number[]): Promise<TaskMeta[]> {
    if (found.length === 0) return []
    const rows = LOAD.rows()
    for (const seq of found) rows.add(seq)
    const [answer = []] = await this.#database.run([LOAD.step(rows)], { repeatable: true })
    return answer.map((row) => metaOf(storedOf(row)))
  }
}

function below(before: number, { owner, tag }: Filter): Step {
  if (owner !== undefined) return { statement: OWNED, values: [before, owner] }
  return { statement: tag === undefined ? ALL : TAGGED, values: [before] }
}

function candidateOf(row: Row): Candidate {
  const [text, bytes, tags] = row.slice(7)
  return {
    ...storedOf(row),
    hasMeta: text != null || bytes != null,
    tags: tags == null ? undefined : (JSON.parse(tags) as string[]),
  }
}

function isFound(row: Candidate, words: readonly string[], { tag, since, ...filter }: Filter): boolean {
  const { id, task, tags, state = '' } = row
  if (!fits({ state, task }, filter)) return false
  if (since !== undefined && row.created < since) return false
  if (tag !== undefined && !tags?.includes(tag)) return false
  const error = (): ErrorInfo | undefined => (row.hasMeta ? errorOf(metaOf(row)) : undefined)
  return hasWords(words, { id, task, tags, status: state, error })
}
