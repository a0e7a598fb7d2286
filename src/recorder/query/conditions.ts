import { wordsOf } from '../../backend/jobSearch.ts'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { type Names, ownName } from '../file/names.ts'
import { SEQ_PER_MS, SUCCESS_NAME } from '../file/schema.ts'
import type { JobFilter } from '../recording.ts'

const MAX_VALUES = 1000
/** Of times that no file has: numbers of SQLite end there. */
const MAX_TIME_MS = 8e12

/** Rows of one value in an index, newest first. */
export interface Driver {
  /** `?`: the value, then the bounds `seq < ?`, `seq >= ?`, and the most rows. */
  readonly sql: string
  readonly values: readonly (string | number)[]
}

/** A filter in the terms of the file. */
export interface Conditions {
  /** SQL on the table `job`, with its values. */
  readonly where: string
  readonly values: readonly (string | number)[]
  /** Seq of the first job that fits by its time, and of the first that is too new. */
  readonly since: number
  readonly until: number
  /** Indexes that can be read for it. */
  readonly drivers: readonly Driver[]
  readonly words: readonly string[]
  readonly ids: readonly string[] | undefined
}

/** Undefined where no job of the file can fit. Throws ArgumentError. */
export function conditionsOf(filter: JobFilter, names: Names): Conditions | undefined {
  const parts = new Parts(names)
  const { ids, owner, tag, rootId, fingerprint, q } = filter
  if (ids) parts.add(`id IN (SELECT value FROM json_each(?))`, JSON.stringify(list(ids, 'ids')))
  if (fingerprint !== undefined) parts.drive('fingerprint', 'fingerprint = ?', [fingerprint])
  if (rootId !== undefined) parts.add('(root = ? OR id = ?)', rootId, rootId)
  if (owner !== undefined) parts.named('owner', [ownName(owner)])
  if (tag !== undefined) parts.tag(tag)
  if (filter.states) parts.named('state', list(filter.states, 'states'))
  if (filter.queues) parts.named('queue', list(filter.queues, 'queues'))
  if (filter.workers) parts.named('worker', list(filter.workers, 'workers'))
  if (filter.tasks) parts.named('task', list(filter.tasks, 'tasks'))
  if (parts.isEmpty || ids?.length === 0) return undefined
  const words = q === undefined ? [] : wordsOf(q)
  return {
    where: parts.where.join(' AND ') || '1',
    values: parts.values,
    since: moment(filter.since, 0),
    until: moment(filter.until, MAX_TIME_MS),
    drivers: rootId === undefined ? parts.drivers : [ROOT(rootId)],
    words,
    ids,
  }
}

/** The jobs of a workflow: its root, and those that name it. */
const ROOT = (rootId: string): Driver => ({
  sql: `SELECT seq FROM (
      SELECT seq FROM job WHERE root = :root AND root <> id UNION SELECT seq FROM job WHERE id = :root
    ) WHERE seq < :before AND seq >= :since ORDER BY seq DESC LIMIT :limit`,
  values: [rootId],
})

class Parts {
  readonly #names: Names
  readonly where: string[] = []
  readonly values: (string | number)[] = []
  readonly drivers: Driver[] = []
  isEmpty = false

  constructor(names: Names) {
    this.#names = names
  }

  add(sql: string, ...values: (string | number)[]): void {
    this.where.push(sql)
    this.values.push(...values)
  }

  drive(column: string, sql: string, values: readonly (string | number)[]): void {
    this.add(sql, ...values)
    this.#drive(column, values)
  }

  /** A column of names that has one of these. */
  named(column: string, texts: readonly string[]): void {
    const numbers = this.#numbers(texts)
    if (numbers.length === 0) return
    this.add(`${column} IN (${numbers.map(() => '?').join(', ')})`, ...numbers)
    // Most jobs have succeeded: they are not in that index.
    if (column !== 'state' || !numbers.includes(SUCCESS_NAME)) this.#drive(column, numbers)
  }

  tag(tag: string): void {
    const numbers = this.#numbers([ownName(tag)])
    if (numbers.length === 0) return
    this.add('EXISTS (SELECT 1 FROM tag WHERE tag.tag = ? AND tag.seq = job.seq)', ...numbers)
    const sql = 'SELECT seq FROM tag WHERE tag = ? AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?'
    this.drivers.push({ sql, values: numbers })
  }

  #drive(column: string, values: readonly (string | number)[]): void {
    const partial = column === 'state' ? ` AND state <> ${SUCCESS_NAME}` : ''
    const sql = `SELECT seq FROM job WHERE ${column} = ?${partial} AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?`
    this.drivers.push({ sql, values })
  }

  /** A name that the file does not have fits no job. */
  #numbers(texts: readonly string[]): number[] {
    const numbers = [...new Set(texts)].flatMap((text) => this.#names.find(text) ?? [])
    if (numbers.length === 0) this.isEmpty = true
    return numbers
  }
}

function list(values: readonly string[], name: string): readonly string[] {
  if (values.length <= MAX_VALUES) return values
  throw new ArgumentError(`${name}: expected at most ${MAX_VALUES} values, got ${values.length}`)
}

function moment(ms: number | undefined, absent: number): number {
  return Math.floor(Math.min(Math.max(ms ?? absent, 0), MAX_TIME_MS)) * SEQ_PER_MS
}

/** The number that a cursor stands for; `absent` without one. */
export function cursorNumber(cursor: string | undefined, absent: number): number {
  if (cursor === undefined) return absent
  const number = /^[1-9]\d{0,15}$/.test(cursor) ? Number(cursor) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw new ArgumentError(`cursor: expected one of the page before, got ${shown(cursor)}`)
}
