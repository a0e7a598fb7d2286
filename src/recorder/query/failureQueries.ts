import type { DatabaseSync } from 'node:sqlite'
import { requireLimit } from '../../backend/cursor.ts'
import { wordsOf } from '../../backend/jobSearch.ts'
import { FAILURE } from '../../protocol/states.ts'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { foldText } from '../file/textIndex.ts'
import type { FailureRow } from '../fold/failureGroups.ts'
import { fingerprintOf } from '../fold/fingerprint.ts'
import type { FailureGroup, FailurePage, FailureQuery } from '../recording.ts'
import { conditionsOf } from './conditions.ts'
import type { JobQueries } from './jobQueries.ts'

/** Groups that one answer looks at. */
const MAX_SCANNED = 5000

/** Answers questions about failures. Only reads. */
export class FailureQueries {
  readonly #db: DatabaseSync
  readonly #jobs: JobQueries

  constructor(db: DatabaseSync, jobs: JobQueries) {
    this.#db = db
    this.#jobs = jobs
  }

  failures(query: FailureQuery): FailurePage {
    const { limit, cursor, owner, q } = query
    requireLimit(limit)
    const words = q === undefined ? [] : wordsOf(q)
    const after = cursor === undefined ? undefined : positionOf(cursor)
    const fits = (group: FailureGroup): boolean =>
      (query.fingerprint === undefined || group.fingerprint === query.fingerprint) &&
      (query.tasks === undefined || query.tasks.includes(group.task)) &&
      hasWords(group, words)
    const { groups, last } =
      owner === undefined ? this.#ofAll(query, after, fits) : this.#ofOwner(query, owner, after, fits)
    const page = groups.slice(0, limit)
    const end = groups.length > limit ? page.at(-1) : last
    return { groups: page, ...(end && { cursor: `${end.lastAt}-${end.fingerprint}` }) }
  }

  /** `last`: the last group that was looked at, where others follow it. */
  #ofAll(
    { since = 0, limit }: FailureQuery,
    after: Position | undefined,
    fits: (group: FailureGroup) => boolean,
  ): { groups: FailureGroup[]; last?: FailureGroup | undefined } {
    const rows = this.#db
      .prepare(
        'SELECT * FROM failure WHERE last_at >= ? AND (last_at < ? OR (last_at = ? AND fingerprint < ?)) ORDER BY last_at DESC, fingerprint DESC LIMIT ?',
      )
      .iterate(since, after?.lastAt ?? Number.MAX_VALUE, after?.lastAt ?? 0, after?.fingerprint ?? '', MAX_SCANNED)
    const groups: FailureGroup[] = []
    let last: FailureGroup | undefined
    let scanned = 0
    for (const row of rows as Iterable<unknown>) {
      last = this.#groupOf(row as FailureRow)
      scanned++
      if (fits(last)) groups.push(last)
      if (groups.length > limit) break
    }
    return { groups, last: scanned === MAX_SCANNED ? last : undefined }
  }

  /** What is kept of a group is of all owners: the failed jobs of this one are counted. */
  #ofOwner(
    { since, tasks }: FailureQuery,
    owner: string,
    after: Position | undefined,
    fits: (group: FailureGroup) => boolean,
  ): { groups: FailureGroup[]; last?: undefined } {
    const groups = new Map<string, FailureGroup>()
    const conditions = conditionsOf({ owner, states: [FAILURE], tasks }, this.#jobs.names)
    if (!conditions) return { groups: [] }
    for (const { rows } of this.#jobs.visit(conditions, Number.MAX_SAFE_INTEGER))
      for (const row of rows) {
        const at = row.ended_at ?? row.changed_at
        if (row.fingerprint === null || (since !== undefined && at < since)) continue
        const task = this.#jobs.names.text(row.task) ?? ''
        const { type, message } = fingerprintOf(task, row.exception ?? 'Error()')
        const known = groups.get(row.fingerprint)
        const isLast = !known || at > known.lastAt
        groups.set(row.fingerprint, {
          fingerprint: row.fingerprint,
          task,
          type,
          message: isLast ? message : known.message,
          count: (known?.count ?? 0) + 1,
          firstAt: Math.min(known?.firstAt ?? at, at),
          lastAt: Math.max(known?.lastAt ?? at, at),
          lastJob: isLast ? row.id : known.lastJob,
        })
      }
    const found = [...groups.values()].filter((group) => fits(group) && (!after || isAfter(group, after)))
    return { groups: found.sort((a, b) => b.lastAt - a.lastAt || (a.fingerprint < b.fingerprint ? 1 : -1)) }
  }

  #groupOf(row: FailureRow): FailureGroup {
    return {
      fingerprint: row.fingerprint,
      task: this.#jobs.names.text(row.task) ?? '',
      type: row.type,
      message: row.message,
      count: row.count,
      firstAt: row.first_at,
      lastAt: row.last_at,
      ...(row.regressed_at !== null && { regressedAt: row.regressed_at }),
      lastJob: row.last_job,
    }
  }
}

interface Position {
  readonly lastAt: number
  readonly fingerprint: string
}

function positionOf(cursor: string): Position {
  const [, lastAt = '', fingerprint = ''] = /^(\d{1,15}(?:\.\d{1,20})?)-([0-9a-f]{16})$/.exec(cursor) ?? []
  if (lastAt !== '') return { lastAt: Number(lastAt), fingerprint }
  throw new ArgumentError(`cursor: expected one of the page before, got ${shown(cursor)}`)
}

function isAfter(group: FailureGroup, { lastAt, fingerprint }: Position): boolean {
  return group.lastAt < lastAt || (group.lastAt === lastAt && group.fingerprint < fingerprint)
}

function hasWords({ task, type, message }: FailureGroup, words: readonly string[]): boolean {
  const text = foldText(`${task}\n${type}\n${message}`)
  return words.every((word) => text.includes(word))
}
