import type { Effect, History, Hold, Loss, SubmissionNote } from './history.ts'
import { limitProblems } from './limits.ts'

export type Rule = 'done' | 'outcome' | 'final' | 'doubles' | 'foreign' | 'order' | 'limit' | 'chord' | 'permits'

/** A promise that a history breaks: which one, in words, and the notes that show it. */
export interface Violation {
  readonly rule: Rule
  readonly id: string
  readonly text: string
  readonly evidence: readonly string[]
}

/** Every promise that the history breaks; none for a correct one. Pure. */
export function check(history: History): Violation[] {
  const facts = new Facts(history)
  return [
    ...history.submissions.flatMap((submission) => checkSubmission(facts, submission)),
    ...checkChords(facts),
    ...checkForeign(facts),
    ...limitProblems(history).map(({ id, text }) => facts.violation('permits', id, text)),
    ...history.ordered.flatMap((queue) => checkOrder(facts, queue)),
    ...Object.keys(history.workers).flatMap((worker) => checkLimit(facts, worker)),
  ]
}

/** How often tasks ran again, as far as losses explain it. */
export function countDoubles({ effects }: History): number {
  return effects.length - new Set(effects.map(({ id }) => id)).size
}

/** The history, by task. */
class Facts {
  readonly history: History
  readonly effects: ReadonlyMap<string, Effect[]>
  readonly holds: ReadonlyMap<string, Hold[]>
  readonly reads: ReadonlyMap<string, History['reads'][number][]>

  constructor(history: History) {
    this.history = history
    this.effects = Map.groupBy(history.effects, ({ id }) => id)
    this.holds = Map.groupBy(history.holds, ({ id }) => id)
    this.reads = Map.groupBy(history.reads, ({ id }) => id)
  }

  firstEffect(id: string): number {
    return Math.min(...(this.effects.get(id) ?? []).map(({ begin }) => begin))
  }

  /** Losses of a worker that held the task then; each explains one run more, one of `each` as many as there were holds. */
  explained(id: string): Loss[] {
    const effects = this.effects.get(id) ?? []
    // A worker that died before it wrote its journal held what it ran.
    const ran = effects.map(({ process, begin }): Hold => ({ id, process, from: begin }))
    const noted = this.holds.get(id) ?? []
    const holds = [...noted, ...ran.filter(({ process }) => !noted.some((hold) => hold.process === process))]
    return this.history.losses.flatMap((loss) => {
      const lost = holds.filter(
        ({ process, from, to = Number.POSITIVE_INFINITY }) =>
          loss.processes.includes(process) && from <= loss.to && to >= loss.from,
      )
      return (loss.each ? lost : lost.slice(0, 1)).map(() => loss)
    })
  }

  /** All that is noted of a task, in its order. */
  evidence(id: string): string[] {
    const lines: [number, string][] = []
    for (const { attempted, acknowledged, queue } of this.history.submissions.filter((one) => one.id === id)) {
      lines.push([attempted, `submitted to ${queue}`])
      if (acknowledged !== undefined) lines.push([acknowledged, 'acknowledged'])
    }
    for (const { process, from, to, late } of this.holds.get(id) ?? []) {
      lines.push([from, `taken by ${process}`])
      if (to !== undefined) lines.push([to, late ? `lost by ${process}` : `settled by ${process}`])
    }
    for (const { process, begin, end } of this.effects.get(id) ?? []) {
      lines.push([begin, `begun by ${process}`])
      if (end !== undefined) lines.push([end, `ended by ${process}`])
    }
    for (const { at, outcome } of this.reads.get(id) ?? []) lines.push([at, `read: ${outcome}`])
    for (const { cause, from, to, processes } of this.explained(id)) {
      lines.push([from, `${cause}: ${processes.join(', ')}, for ${Math.round(to - from)} ms`])
    }
    return lines.sort(([a], [b]) => a - b).map(([at, text]) => `${new Date(at).toISOString().slice(11, 23)} ${text}`)
  }

  violation(rule: Rule, id: string, text: string): Violation {
    return { rule, id, text, evidence: this.evidence(id) }
  }
}

function checkSubmission(facts: Facts, { id, acknowledged, unread }: SubmissionNote): Violation[] {
  const runs = facts.effects.get(id)?.length ?? 0
  const outcomes = [...new Set((facts.reads.get(id) ?? []).map(({ outcome }) => outcome))]
  const allowed = 1 + facts.explained(id).length
  const found: Violation[] = []
  const add = (rule: Rule, text: string) => found.push(facts.violation(rule, id, text))
  if (acknowledged !== undefined && runs === 0) add('done', 'acknowledged, and never run')
  else if (acknowledged !== undefined && outcomes.length === 0 && !unread)
    add('outcome', 'acknowledged, and without an outcome')
  if (outcomes.length > 1) add('final', `a final outcome changed: ${outcomes.join(', then ')}`)
  if (runs > allowed) add('doubles', `ran ${runs} times; its lost holders explain ${allowed}`)
  return found
}

/** The body of a chord gets the result of each member, its id, once and in the order of the header. */
function checkChords(facts: Facts): Violation[] {
  const members = Map.groupBy(facts.history.submissions, ({ body }) => body)
  members.delete(undefined)
  return [...members].flatMap(([id, header]) => {
    if (id === undefined) return []
    const expected = header.map((member) => member.id).join(',')
    const reads = facts.reads.get(id) ?? []
    const wrong = reads.find(({ outcome }) => !outcome.startsWith(`SUCCESS "${expected}|`))
    return wrong ? [facts.violation('chord', id, `expected the results of ${expected}, got ${wrong.outcome}`)] : []
  })
}

function checkForeign(facts: Facts): Violation[] {
  const known = new Set(facts.history.submissions.map(({ id }) => id))
  const foreign = [...facts.effects.keys()].filter((id) => !known.has(id))
  return foreign.map((id) => facts.violation('foreign', id, 'ran, and was never submitted'))
}

/** Of two calls of which one was acknowledged before the other began, the first begins first. */
function checkOrder(facts: Facts, queue: string): Violation[] {
  const { submissions, disturbances } = facts.history
  const isCalm = ({ id, attempted }: SubmissionNote): boolean => {
    const first = facts.firstEffect(id)
    return Number.isFinite(first) && !disturbances.some(({ from, to }) => from <= first && to >= attempted)
  }
  const own = submissions.filter((one) => one.queue === queue && one.acknowledged !== undefined && isCalm(one))
  own.sort((a, b) => a.attempted - b.attempted)
  return own.slice(1).flatMap((later, at) => {
    const before = own[at] as SubmissionNote
    const isSequence = (before.acknowledged as number) <= later.attempted
    if (!isSequence || facts.firstEffect(before.id) <= facts.firstEffect(later.id)) return []
    return [facts.violation('order', later.id, `began before ${before.id}, which was acknowledged before its call`)]
  })
}

/** A worker runs no more tasks at once than its concurrency. */
function checkLimit(facts: Facts, worker: string): Violation[] {
  const { concurrency, endedAt = Number.POSITIVE_INFINITY } = facts.history.workers[worker] as {
    concurrency: number
    endedAt?: number
  }
  const own = facts.history.effects.filter(({ process }) => process === worker)
  const steps = own.flatMap(({ id, begin, end = endedAt }) => [
    { at: begin, id, change: 1 },
    { at: end, id, change: -1 },
  ])
  steps.sort((a, b) => a.at - b.at || a.change - b.change)
  let running = 0
  for (const { id, change } of steps) {
    running += change
    if (running > concurrency)
      return [facts.violation('limit', id, `${worker} ran ${running} at once; its limit is ${concurrency}`)]
  }
  return []
}
