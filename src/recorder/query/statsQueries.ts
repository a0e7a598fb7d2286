import type { DatabaseSync } from 'node:sqlite'
import { FAILURE, REVOKED, SUCCESS } from '../../protocol/states.ts'
import { ArgumentError } from '../../std/errors.ts'
import { shown } from '../../std/validate.ts'
import { addHistogram, addTime, decodeHistogram, type Histogram, percentiles } from '../fold/histogram.ts'
import { waitOf } from '../fold/jobEntry.ts'
import type { JobRow } from '../fold/jobs.ts'
import { COUNTERS, type Counter, type RollupRow, STEPS_MS } from '../fold/rollups.ts'
import type { Percentiles, Stats, StatsPoint, StatsQuery, StatsSeries, StatsSums } from '../recording.ts'
import { conditionsOf } from './conditions.ts'
import type { JobQueries } from './jobQueries.ts'

const MAX_POINTS = 1500
/** Rows that one answer reads: of all tasks and queues in all steps. */
const MAX_ROWS = 60_000
const MAX_NAMES = 1000
const PARTS = [0.5, 0.95, 0.99]

interface Point {
  readonly counts: Record<Counter, number>
  readonly wait: Histogram
  readonly run: Histogram
}

type SeriesMap = Map<string, Map<number, Point>>

/** Answers questions about numbers and times. Only reads. */
export class StatsQueries {
  readonly #db: DatabaseSync
  readonly #jobs: JobQueries

  constructor(db: DatabaseSync, jobs: JobQueries) {
    this.#db = db
    this.#jobs = jobs
  }

  stats(query: StatsQuery): Omit<Stats, 'gaps'> {
    check(query)
    const { step, owner } = query
    const series: SeriesMap = new Map()
    const isPartial = owner === undefined ? this.#ofAll(query, series) : this.#ofOwner(query, owner, series)
    const found = [...series].map(([name, points]) => seriesOf(name, points))
    return { step, series: found, ...(isPartial && { isPartial }) }
  }

  #ofAll({ from, to, step, by, names }: StatsQuery, series: SeriesMap): boolean {
    const length = STEPS_MS[step]
    const wanted = by === 'all' || !names ? undefined : names.flatMap((name) => this.#jobs.names.find(name) ?? [])
    if (wanted?.length === 0) return false
    const column = by === 'queue' ? 'queue' : 'task'
    const only = wanted ? ` AND ${column} IN (SELECT value FROM json_each(?))` : ''
    const sql = `SELECT * FROM rollup WHERE step = ? AND at >= ? AND at < ?${only} ORDER BY at DESC LIMIT ?`
    const values = [length, Math.floor(from / length) * length, to, ...(wanted ? [JSON.stringify(wanted)] : [])]
    let rows = 0
    for (const row of this.#db.prepare(sql).iterate(...values, MAX_ROWS) as Iterable<unknown>) {
      rows++
      const rollup = row as RollupRow
      const name = by === 'all' ? '' : (this.#jobs.names.text(rollup[column]) ?? '')
      const point = pointOf(series, name, rollup.at)
      for (const counter of COUNTERS) point.counts[counter] += rollup[counter]
      addHistogram(point.wait, decodeHistogram(rollup.wait))
      addHistogram(point.run, decodeHistogram(rollup.run))
    }
    return rows === MAX_ROWS
  }

  /** Of one owner no sums are kept: its jobs are counted. */
  #ofOwner(query: StatsQuery, owner: string, series: SeriesMap): boolean {
    const { by, names, to } = query
    const filter = {
      owner,
      until: to,
      ...(by === 'task' && { tasks: names }),
      ...(by === 'queue' && { queues: names }),
    }
    const conditions = conditionsOf(filter, this.#jobs.names)
    if (!conditions) return false
    let until = 0
    for (const step of this.#jobs.visit(conditions, Number.MAX_SAFE_INTEGER)) {
      for (const row of step.rows) this.#count(row, query, series)
      until = step.until
    }
    return until > conditions.since
  }

  #count(row: JobRow, { from, to, step, by }: StatsQuery, series: SeriesMap): void {
    const { names } = this.#jobs
    const name = by === 'all' ? '' : (names.text(by === 'task' ? row.task : row.queue) ?? '')
    const at = (moment: number | null): Point | undefined => {
      if (moment === null || moment < from || moment >= to) return undefined
      return pointOf(series, name, Math.floor(moment / STEPS_MS[step]) * STEPS_MS[step])
    }
    const count = (moment: number | null, counter: Counter): Point | undefined => {
      const point = at(moment)
      if (point) point.counts[counter]++
      return point
    }
    count(row.sent_at, 'sent')
    count(row.received_at, 'received')
    const started = count(row.first_start, 'started')
    if (started) addTime(started.wait, waitOf(row.id, row.first_at, row.first_start ?? 0))
    const state = names.text(row.state)
    const end =
      state === SUCCESS ? 'succeeded' : state === FAILURE ? 'failed' : state === REVOKED ? 'revoked' : undefined
    const ended = end && count(row.ended_at, end)
    if (ended && row.runtime !== null) addTime(ended.run, row.runtime)
  }
}

function pointOf(series: SeriesMap, name: string, at: number): Point {
  const points = series.get(name) ?? new Map<number, Point>()
  series.set(name, points)
  const point = points.get(at) ?? emptyPoint()
  points.set(at, point)
  return point
}

function seriesOf(name: string, points: ReadonlyMap<number, Point>): StatsSeries {
  const total = emptyPoint()
  for (const { counts, wait, run } of points.values()) {
    for (const counter of COUNTERS) total.counts[counter] += counts[counter]
    addHistogram(total.wait, wait)
    addHistogram(total.run, run)
  }
  const steps = [...points].sort(([a], [b]) => a - b)
  return { name, total: sumsOf(total), points: steps.map(([at, point]): StatsPoint => ({ at, ...sumsOf(point) })) }
}

function sumsOf({ counts, wait, run }: Point): StatsSums {
  return { ...counts, wait: percentilesOf(wait), run: percentilesOf(run) }
}

function emptyPoint(): Point {
  return {
    counts: { sent: 0, received: 0, started: 0, succeeded: 0, failed: 0, retried: 0, revoked: 0 },
    wait: new Map(),
    run: new Map(),
  }
}

function percentilesOf(histogram: Histogram): Percentiles | undefined {
  const found = percentiles(histogram, PARTS)
  return found && { p50: found[0] ?? 0, p95: found[1] ?? 0, p99: found[2] ?? 0 }
}

function check({ from, to, step, by, names }: StatsQuery): void {
  if (!Object.hasOwn(STEPS_MS, step)) throw new ArgumentError(`step: expected 1s, 1m or 1h, got ${shown(step)}`)
  if (by !== 'all' && by !== 'task' && by !== 'queue')
    throw new ArgumentError(`by: expected all, task or queue, got ${shown(by)}`)
  if (!(Number.isFinite(from) && Number.isFinite(to) && from >= 0 && from < to))
    throw new ArgumentError(`from, to: expected two moments, the first before the other, got ${from} and ${to}`)
  if ((to - from) / STEPS_MS[step] > MAX_POINTS)
    throw new ArgumentError(
      `from, to: expected at most ${MAX_POINTS} steps of ${step}, got ${(to - from) / STEPS_MS[step]}`,
    )
  if (names && names.length > MAX_NAMES)
    throw new ArgumentError(`names: expected at most ${MAX_NAMES}, got ${names.length}`)
}
