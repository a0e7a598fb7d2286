import type { TaskEvent } from '../app/result.ts'

const WIDTH = 30

/** How far a progress value says it is, from 0 to 1; undefined where it does not say. */
export function shareOf(value: unknown): number | undefined {
  if (typeof value === 'number') return within(value)
  if (typeof value !== 'object' || value === null) return undefined
  const { total, current, done, completed, percent, progress, fraction } = value as Record<string, unknown>
  if (typeof percent === 'number') return within(percent / 100)
  const part = [current, done, completed].find((each) => typeof each === 'number')
  if (typeof total === 'number' && total > 0 && typeof part === 'number') return within(part / total)
  const share = [progress, fraction, current].find((each) => typeof each === 'number')
  return typeof share === 'number' ? within(share) : undefined
}

/** One line about a task that runs: a bar where it says how far it is, else its state and what goes with it. */
export function progressText(event: TaskEvent<unknown, unknown>, columns: number): string {
  const meta = event.type === 'progress' ? event.data : event.type === 'state' ? event.meta : undefined
  const share = event.type === 'success' ? 1 : shareOf(meta)
  if (share === undefined) return cut(`${event.state}${meta == null ? '' : ` ${JSON.stringify(meta)}`}`, columns)
  const full = Math.round(share * WIDTH)
  return cut(`[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.round(share * 100)} %`, columns)
}

/** A line at a terminal that is written over and over. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  /** What a task hands out is no word about how far it is. A terminal that does not know its width has 0 columns. */
  show(event: TaskEvent<unknown, unknown>): void {
    if (event.type === 'chunk' || event.type === 'log') return
    this.#stream.write(`\r\u001b[K${progressText(event, this.#stream.columns || 80)}`)
  }

  /** Take the line away. */
  end(): void {
    this.#stream.write('\r\u001b[K')
  }
}

/** Shares a little off by rounding are what they mean; anything else is no share. */
function within(share: number): number | undefined {
  return share >= 0 && share <= 1.000001 ? Math.min(1, share) : undefined
}

function cut(text: string, columns: number): string {
  return text.length < columns ? text : `${text.slice(0, Math.max(0, columns - 2))}…`
}
