import { positionOf } from '../../../backend/cursor.ts'
import type { ListFilter, MetaPage } from '../../../backend/jobIndex.ts'
import { wordsOf } from '../../../backend/jobSearch.ts'
import type { SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement, Step, Value } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { Search } from './search.ts'
import { contentOf, metaOf, STORED, storedOf } from './stored.ts'

/** Records that one statement looks at, at most: whatever is looked for, it ends before the server cancels it. */
const WINDOW = 100_000
/** `$1` below which number, `$2` state, `$3` task, `$4` tasks as JSON, `$5` since, `$6` how many. */
const FITS = `($2::text IS NULL OR r.state = $2) AND ($3::text IS NULL OR r.task = $3)
  AND ($4::text IS NULL OR r.task = ANY (ARRAY(SELECT json_array_elements_text($4::json))))
  AND ($5::bigint IS NULL OR r.created >= $5)`
const LIST: Statement = {
  name: 'list',
  text: `SELECT ${STORED} FROM (
      SELECT * FROM celeriac.result WHERE seq < $1::bigint ORDER BY seq DESC LIMIT ${WINDOW}
    ) AS r WHERE ${FITS} ORDER BY r.seq DESC LIMIT $6::bigint`,
}
/** `$7` is the tag. The table of origins comes first: it has far fewer rows, and an index by owner. */
const LIST_TAGGED: Statement = {
  name: 'list_tagged',
  text: `SELECT ${STORED} FROM (
      SELECT * FROM celeriac.origin WHERE seq < $1::bigint ORDER BY seq DESC LIMIT ${WINDOW}
    ) AS o JOIN celeriac.result r USING (seq) WHERE ${FITS} AND $7 = ANY (o.tags) ORDER BY o.seq DESC LIMIT $6::bigint`,
}
/** `$8` is the owner. */
const LIST_OWNED: Statement = {
  name: 'list_owned',
  text: `SELECT ${STORED} FROM (
      SELECT * FROM celeriac.origin WHERE owner = $8 AND seq < $1::bigint ORDER BY seq DESC LIMIT ${WINDOW}
    ) AS o JOIN celeriac.result r USING (seq) WHERE ${FITS} AND ($7::text IS NULL OR $7 = ANY (o.tags))
    ORDER BY o.seq DESC LIMIT $6::bigint`,
}
/** Where the window of a list ends: no row after its last one. */
const LIST_END: Statement = {
  name: 'list_end',
  text: `SELECT seq FROM celeriac.result WHERE seq < $1::bigint ORDER BY seq DESC OFFSET ${WINDOW - 1} LIMIT 1`,
}
const LIST_TAGGED_END: Statement = {
  name: 'list_tagged_end',
  text: `SELECT seq FROM celeriac.origin WHERE seq < $1::bigint ORDER BY seq DESC OFFSET ${WINDOW - 1} LIMIT 1`,
}
const LIST_OWNED_END: Statement = {
  name: 'list_owned_end',
  text: `SELECT seq FROM celeriac.origin WHERE owner = $2 AND seq < $1::bigint
    ORDER BY seq DESC OFFSET ${WINDOW - 1} LIMIT 1`,
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
    const rows = await this.#rows(filter, before, limit + 1)
    const page = rows.slice(0, limit).map((row) => storedOf(row))
    const metas = page.map(metaOf)
    return rows.length > limit ? { metas, cursor: String(page.at(-1)?.seq) } : { metas }
  }

  async #rows(filter: Filter, before: number, count: number): Promise<Row[]> {
    const found: Row[] = []
    for (let place = before; ; ) {
      const step = listStep(filter, place, count - found.length)
      const [rows = []] = await this.#database.run([step], { repeatable: true })
      found.push(...rows)
      if (found.length === count) return found
      const [[end] = []] = await this.#database.run([endStep(filter, place)], { repeatable: true })
      if (!end) return found
      place = Number(end[0])
    }
  }

  async metadata(ids: readonly string[]): Promise<(SubmissionMetadata | undefined)[]> {
    const rows = METADATA.rows()
    for (const id of ids) rows.add(id)
    const [found = []] = await this.#database.run([METADATA.step(rows)], { repeatable: true })
    const byPlace = new Map(found.map((row) => [Number(row[0]), metadataOf(row)]))
    return ids.map((_, at) => byPlace.get(at))
  }
}

type Filter = Omit<ListFilter, 'q' | 'limit' | 'cursor'>

function endStep({ owner, tag }: Filter, before: number): Step {
  if (owner !== undefined) return { statement: LIST_OWNED_END, values: [before, owner] }
  return { statement: tag === undefined ? LIST_END : LIST_TAGGED_END, values: [before] }
}

function listStep({ state, task, tasks, owner, tag, since }: Filter, before: number, limit: number): Step {
  const names = tasks ? JSON.stringify(tasks) : null
  const values: Value[] = [
    before,
    state ?? null,
    task ?? null,
    names,
    since === undefined ? null : Math.ceil(since),
    limit,
  ]
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
