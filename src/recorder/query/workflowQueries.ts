import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isFinal } from '../../protocol/states.ts'
import { type Names, ownName } from '../file/names.ts'
import { SEQ_PER_MS } from '../file/schema.ts'
import type { RecordedWorkflow, RecordedWorkflowPage, WorkflowQuery } from '../recording.ts'
import { cursorNumber } from './conditions.ts'

/** How long one answer may search, ms: then it is a part, with a cursor. */
const SEARCH_MS = 120
/** Jobs of one workflow whose states are read: the newest. */
const MAX_MEMBERS = 2000
/** Rows of the index that are looked at before the time is compared. */
const ROWS_PER_STEP = 500
const MAX_MOMENT = 8e12

interface RootRow {
  readonly task: number | null
  readonly state: number
  readonly owner: number | null
  readonly first_at: number
  readonly changed_at: number
  readonly ended_at: number | null
}

interface MembersRow {
  readonly state: number
  readonly count: number
  readonly first: number
  readonly changed: number
  readonly ended: number | null
}

/** Answers which workflows there are: jobs that name another one as their root, and that root. Only reads. */
export class WorkflowQueries {
  readonly #names: Names
  readonly #children: StatementSync
  readonly #newest: StatementSync
  readonly #total: StatementSync
  readonly #members: StatementSync
  readonly #root: StatementSync

  constructor(db: DatabaseSync, names: Names) {
    this.#names = names
    const isChild = 'root IS NOT NULL AND root <> id'
    this.#children = db.prepare(
      `SELECT seq, root FROM job WHERE ${isChild} AND seq < ? AND seq >= ? ORDER BY seq DESC LIMIT ?`,
    )
    this.#newest = db.prepare(`SELECT max(seq) AS seq FROM job WHERE ${isChild} AND root = ?`)
    this.#total = db.prepare(`SELECT count(*) AS count FROM job WHERE ${isChild} AND root = ?`)
    this.#members = db.prepare(
      `SELECT state, count(*) AS count, min(first_at) AS first, max(changed_at) AS changed, max(ended_at) AS ended
       FROM job WHERE seq IN (SELECT seq FROM job WHERE ${isChild} AND root = ? ORDER BY seq DESC LIMIT ?) GROUP BY state`,
    )
    this.#root = db.prepare('SELECT task, state, owner, first_at, changed_at, ended_at FROM job WHERE id = ?')
  }

  /** Those with the newest job first. */
  workflows(query: WorkflowQuery): RecordedWorkflowPage {
    const { limit, cursor, since = 0, until = MAX_MOMENT } = query
    const end = performance.now() + SEARCH_MS
    const first = Math.floor(Math.max(0, since)) * SEQ_PER_MS
    let before = Math.min(cursorNumber(cursor, Number.MAX_SAFE_INTEGER), Math.floor(until) * SEQ_PER_MS)
    const seen = new Set<string>()
    const workflows: RecordedWorkflow[] = []
    for (;;) {
      const rows = this.#children.all(before, first, ROWS_PER_STEP) as { seq: number; root: string }[]
      for (const { seq, root } of rows) {
        before = seq
        if (seen.has(root)) continue
        seen.add(root)
        const found = this.#isNewest(root, seq) ? this.#workflow(root, query) : undefined
        if (found) workflows.push(found)
        if (workflows.length === limit || performance.now() > end) return { workflows, cursor: String(before) }
      }
      if (rows.length < ROWS_PER_STEP) return { workflows }
      if (performance.now() > end) return { workflows, cursor: String(before) }
    }
  }

  /** Else it was on a page before. */
  #isNewest(root: string, seq: number): boolean {
    return (this.#newest.get(root) as { seq: number | null }).seq === seq
  }

  /** Undefined where it does not fit. */
  #workflow(root: string, { tasks, owner }: WorkflowQuery): RecordedWorkflow | undefined {
    const row = this.#root.get(root) as RootRow | undefined
    const task = row && this.#names.text(row.task)
    if (tasks && (task === undefined || !tasks.includes(task))) return undefined
    if (owner !== undefined && (!row || row.owner === null || row.owner !== this.#names.find(ownName(owner))))
      return undefined
    const { count } = this.#total.get(root) as { count: number }
    const members = this.#members.all(root, MAX_MEMBERS) as unknown as MembersRow[]
    const all = row
      ? [...members, { state: row.state, count: 1, first: row.first_at, changed: row.changed_at, ended: row.ended_at }]
      : members
    const states: Record<string, number> = {}
    for (const { state, count: some } of all) {
      const name = this.#names.text(state) ?? ''
      states[name] = (states[name] ?? 0) + some
    }
    const isPartial = count > MAX_MEMBERS
    const isOver = !isPartial && Object.keys(states).every((state) => isFinal(state))
    return {
      root,
      task,
      state: row && this.#names.text(row.state),
      total: count + (row ? 1 : 0),
      states,
      firstAt: Math.min(...all.map(({ first }) => first)),
      changedAt: Math.max(...all.map(({ changed }) => changed)),
      endedAt: isOver ? Math.max(...all.map(({ ended }) => ended ?? 0)) : undefined,
      isPartial: isPartial || undefined,
    }
  }
}
