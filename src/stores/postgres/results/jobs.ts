import { positionOf } from '../../../backend/cursor.ts'
import type { ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { wordsOf } from '../../../backend/jobSearch.ts'
import type { SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement, Step, Value } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { Search } from './search.ts'
import { contentOf, metaOf, STORED, storedOf } from './stored.ts'

/** `$1` below which number, `$2` state, `$3` task, `$4` tasks as JSON, `$5` since, `$6` how many. */
const FITS = `($2::text IS NULL OR r.state = $2) AND ($3::text IS NULL OR r.task = $3)
  AND ($4::text IS NULL OR r.task = ANY (ARRAY(SELECT json_array_elements_text($4::json))))
  AND ($5::bigint IS NULL OR r.created >= $5)`
const LIST: Statement = {
  name: 'list',
  text: `SELECT ${STORED} FROM celeriac.result r WHERE r.seq < $1::bigint AND ${FITS}
    ORDER BY r.seq DESC LIMIT $6::bigint`,
}
/** `$7` is the tag. The table of origins comes first: it has far fewer rows, and an index by owner. */
const LIST_TAGGED: Statement = {
  name: 'list_tagged',
  text: `SELECT ${STORED} FROM celeriac.origin o JOIN celeriac.result r USING (seq)
    WHERE o.seq < $1::bigint AND ${FITS} AND $7 = ANY (o.tags) ORDER BY o.seq DESC LIMIT $6::bigint`,
}
/** `$8` is the owner. */
const LIST_OWNED: Statement = {
  name: 'list_owned',
  text: `SELECT ${STORED} FROM celeriac.origin o JOIN celeriac.result r USING (seq)
    WHERE o.owner = $8 AND o.seq < $1::bigint AND ${FITS} AND ($7::text IS NULL OR $7 = ANY (o.tags))
    ORDER BY o.seq DESC LIMIT $6::bigint`,
}
const METADATA = new RowsStatement(
  'metadata',
  { id: 'text' },
  `SELECT g.at, o.owner, to_json(o.tags), o.input, encode(o.bytes, 'base64')
  FROM given g JOIN celeriac.result r ON r.id = g.id JOIN celeriac.origin o ON o.seq = r.seq`,
)

/** The lists of jobs in a database. */
export class Jobs {
  readonly #database: Database
  readonly #search: Search

  constructor(database: Database) {
    this.#database = database
    this.#search = new Search(database)
  }

  async list({ q, limit, cursor, ...filter }: ListFilter): Promise<MetaPage> {
    const before = positionOf(limit, cursor)
    if (q !== undefined) return this.#search.page(wordsOf(q), filter, { before, limit })
    const [rows = []] = await this.#database.run([listStep(filter, before, limit + 1)], { repeatable: true })
    const page = rows.slice(0, limit).map((row) => storedOf(row))
    const metas = page.map(metaOf)
    return rows.length > limit ? { metas, cursor: String(page.at(-1)?.seq) } : { metas }
  }

  async metadata(ids: readonly string[]): Promise<(SubmissionMetadata | undefined)[]> {
    const rows = METADATA.rows()
    for (const id of ids) rows.add(id)
    const [found = []] = await this.#database.run([METADATA.step(rows)], { repeatable: true })
    const byPlace = new Map(found.map((row) => [Number(row[0]), metadataOf(row)]))
    return ids.map((_, at) => byPlace.get(at))
  }
}

function listStep(
  { state, task, tasks, owner, tag, since }: Omit<ListFilter, 'q' | 'limit' | 'cursor'>,
  before: number,
  limit: number,
): Step {
  const names = tasks ? JSON.stringify(tasks) : null
  const values: Value[] = [before, state ?? null, task ?? null, names, since ?? null, limit]
  if (owner !== undefined) return { statement: LIST_OWNED, values: [...values, tag ?? null, owner] }
  return tag === undefined ? { statement: LIST, values } : { statement: LIST_TAGGED, values: [...values, tag] }
}

function metadataOf([, owner, tags, text, bytes]: Row): SubmissionMetadata {
  const hasInput = text != null || bytes != null
  return {
    owner: owner ?? undefined,
    tags: tags == null ? undefined : (JSON.parse(tags) as string[]),
    input: hasInput ? contentOf(text, bytes) : undefined,
  } as SubmissionMetadata
}
