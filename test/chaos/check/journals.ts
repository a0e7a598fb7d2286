import { type Actor, linesOf } from '../scene.ts'
import type { Effect, History, Hold, Read, SubmissionNote } from './history.ts'

/** What processes wrote, and what only the runner knows. */
export interface Notes extends Pick<History, 'losses' | 'disturbances' | 'ordered' | 'limit'> {
  /** Lines of all clients: mark, id, time, more. */
  readonly callers: readonly string[][]
  /** Calls whose results no process could read. */
  readonly unread: ReadonlySet<string>
  readonly workers: readonly Actor[]
  readonly ledger: readonly string[][]
  /** Outcomes at the end. */
  readonly last: readonly Read[]
}

/** The history of a run, from its files. */
export function historyOf({ callers, unread, workers, ledger, last, ...rest }: Notes): History {
  const names = new Map(workers.map(({ pid, settings }) => [String(pid), settings.name]))
  const limits = workers.map(({ settings: { name, concurrency: own, queues, tasks }, endedAt }) => {
    // The process in memory has a second worker, of one slot.
    const concurrency = own + (queues && tasks > 0 ? 1 : 0)
    return [name, endedAt === 0 ? { concurrency } : { concurrency, endedAt }]
  })
  return {
    ...rest,
    submissions: submissionsOf(callers).map((one) => (unread.has(one.id) ? { ...one, unread: true } : one)),
    effects: effectsOf(ledger, names),
    holds: workers.flatMap(({ settings }) => holdsOf(settings.name, linesOf(settings.journal))),
    reads: [...readsOf(callers), ...last],
    workers: Object.fromEntries(limits),
  }
}

function submissionsOf(lines: readonly string[][]): SubmissionNote[] {
  const acknowledged = new Map(lines.filter(([mark]) => mark === 'd').map(([, id, at]) => [id, Number(at)]))
  const note = (call: string, attempt: SubmissionNote): SubmissionNote => {
    const resolved = acknowledged.get(call)
    return resolved === undefined ? attempt : { ...attempt, acknowledged: resolved }
  }
  return lines.flatMap(([mark, id = '', at, more = '', key]) => {
    const attempted = Number(at)
    if (mark === 'a') return [note(id, { id, queue: more, attempted, ...(key && { key }) })]
    // Who waits for a chord reads the result of its body.
    return mark === 'm' ? [note(more, { id, queue: 'celery', attempted, body: more, unread: true })] : []
  })
}

/** Of several runs of one task in one process, which is possible after a loss, the first to begin ends first. */
function effectsOf(lines: readonly string[][], names: ReadonlyMap<string, string>): Effect[] {
  const open = new Map<string, { id: string; process: string; begin: number; end?: number }[]>()
  return lines.flatMap(([id = '', pid = '', at, mark]) => {
    const key = `${id} ${pid}`
    const running = open.get(key) ?? []
    open.set(key, running)
    if (mark === 'end') {
      const ended = running.shift()
      if (ended) ended.end = Number(at)
    }
    if (mark !== 'begin') return []
    const next = { id, process: names.get(pid) ?? pid, begin: Number(at) }
    running.push(next)
    return [next]
  })
}

/**
 * `r`, or `w` where there is one: taken; `s`, `b` and `l`: no longer held. A message may be taken again by the same
 * worker before it knows that it has lost the first: the end of one is the end of all.
 */
function holdsOf(process: string, lines: readonly string[][]): Hold[] {
  const open = new Map<string, { id: string; process: string; from: number; to?: number; late?: boolean }[]>()
  const taken = lines.some(([mark]) => mark === 'w') ? 'w' : 'r'
  return lines.flatMap(([mark = '', id = '', at]) => {
    const held = open.get(id) ?? []
    open.set(id, held)
    for (const hold of 'sbl'.includes(mark) ? held.splice(0) : []) {
      hold.to = Number(at)
      if (mark === 'l') hold.late = true
    }
    if (mark !== taken) return []
    const next = { id, process, from: Number(at) }
    held.push(next)
    return [next]
  })
}

function readsOf(lines: readonly string[][]): Read[] {
  return lines
    .filter(([mark]) => mark === 'o')
    .map(([, id = '', at, ...outcome]) => ({ id, at: Number(at), outcome: outcome.join(' ') }))
}
