import type { TaskEvent } from '../calls/asyncResult.ts'

const BAR_WIDTH = 30
/** What remains is estimated once so much is done and so much time has passed: before, one step decides it, ms. */
const ESTIMATE_FROM = { share: 0.02, after: 1000 }

interface Far {
  /** From 0 to 1. */
  readonly share: number
  /** The counted things, where it counts some: `4/10`. */
  readonly count?: string
}

/** Known names of what is done, and of how much there is. */
const COUNT_FIELDS: readonly (readonly [done: string, total: string])[] = [
  ['current', 'total'],
  ['done', 'total'],
  ['completed', 'total'],
  ['page', 'pages'],
  ['step', 'steps'],
]

/** How far a progress value says it is, from 0 to 1; undefined where it does not say. */
export function shareOf(value: unknown): number | undefined {
  return farOf(value)?.share
}

function farOf(value: unknown): Far | undefined {
  if (typeof value === 'number') return within(value)
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  if (typeof fields.percent === 'number') return within(fields.percent / 100)
  for (const [done, total] of COUNT_FIELDS) {
    const [part, whole] = [fields[done], fields[total]]
    if (typeof part !== 'number' || typeof whole !== 'number' || whole <= 0) continue
    const far = within(part / whole)
    return far && { ...far, count: `${part}/${whole}` }
  }
  const share = [fields.progress, fields.fraction, fields.current].find((each) => typeof each === 'number')
  return typeof share === 'number' ? within(share) : undefined
}

/**
 * One line about a task that runs: a bar where it says how far it is, else its state and what goes with it. `left`: ms
 * that it may take yet.
 */
export function progressText(event: TaskEvent<unknown, unknown>, columns: number, left?: number): string {
  const meta = metaOf(event)
  const far: Far | undefined = event.type === 'success' ? { share: 1 } : farOf(meta)
  if (far === undefined) return cut(`${event.state}${meta == null ? '' : ` ${JSON.stringify(meta)}`}`, columns)
  const full = Math.round(far.share * BAR_WIDTH)
  const parts = [`[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`, `${Math.round(far.share * 100)} %`]
  if (far.count !== undefined) parts.push(`(${far.count})`)
  if (left !== undefined) parts.push(`${timeText(left)} left`)
  return cut(parts.join(' '), columns)
}

/** A line at a terminal that is written over and over. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream
  readonly #now: () => number
  /** The first word of how far it is, in this run. */
  #first: { readonly share: number; readonly at: number } | undefined

  constructor(stream: NodeJS.WriteStream, now: () => number = () => performance.now()) {
    this.#stream = stream
    this.#now = now
  }

  /** Chunks and log lines do not show how far a task is. A terminal that does not know its width has 0 columns. */
  show(event: TaskEvent<unknown, unknown>): void {
    if (event.type === 'chunk' || event.type === 'log') return
    this.#stream.write(`\r\u001b[K${progressText(event, this.#stream.columns || 80, this.#left(event))}`)
  }

  /** Take the line away. */
  end(): void {
    this.#stream.write('\r\u001b[K')
  }

  /** Remaining time at the speed since the first report, ms; undefined while that cannot be estimated. */
  #left(event: TaskEvent<unknown, unknown>): number | undefined {
    const share = event.type === 'success' ? undefined : shareOf(metaOf(event))
    if (share === undefined) return undefined
    const at = this.#now()
    // It began again, as after a retry.
    if (!this.#first || share < this.#first.share) this.#first = { share, at }
    const { share: from, at: since } = this.#first
    if (share >= 1 || share - from < ESTIMATE_FROM.share || at - since < ESTIMATE_FROM.after) return undefined
    return ((at - since) / (share - from)) * (1 - share)
  }
}

function metaOf(event: TaskEvent<unknown, unknown>): unknown {
  return event.type === 'progress' ? event.data : event.type === 'state' ? event.meta : undefined
}

/** `12 s`, `3 min`, `1.5 h`. */
function timeText(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}

/** Shares a little off by rounding are what they mean; anything else is no share. */
function within(share: number): Far | undefined {
  return share >= 0 && share <= 1.000001 ? { share: Math.min(1, share) } : undefined
}

function cut(text: string, columns: number): string {
  return text.length < columns ? text : `${text.slice(0, Math.max(0, columns - 2))}…`
}
