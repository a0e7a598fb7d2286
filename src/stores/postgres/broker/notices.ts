import type { Database } from '../connection/database.ts'
import { queueChannel } from '../connection/listening.ts'
import type { Step } from '../connection/pipeline.ts'

/**
 * A queue is notified at most so often in this time, ms: a notification takes a lock of the whole server, and a worker
 * that is busy needs none. A few in a row are those of single calls, which an idle worker is to begin at once.
 */
const MAX_IN_WINDOW = 4
const WINDOW_MS = 10
/** How much later they are notified once more, ms: their transaction may have committed after the first time. */
const AGAIN_MS = 250
/** Queues that are remembered. */
const MAX_QUEUES = 1000

/**
 * Payload: messages may be taken now; a delayed one was added; both; messages may be taken now, also of lanes; all of
 * these.
 */
export type Payload = '' | 'd' | 'b' | 'l' | 'a'

export function joined(one: Payload | undefined, other: Payload): Payload {
  if (one === undefined || one === other) return other
  const [isOfLane, isDelayed] = [isLanePayload, isDuePayload].map((is) => is(one) || is(other))
  if (isOfLane) return isDelayed ? 'a' : 'l'
  return 'b'
}

/** Messages of lanes may be taken. */
export function isLanePayload(payload: string): boolean {
  return payload === 'l' || payload === 'a'
}

/** A delayed message was added. */
export function isDuePayload(payload: string): boolean {
  return payload === 'd' || payload === 'b' || payload === 'a'
}

const NOTIFY = {
  name: 'notify',
  text: 'SELECT pg_notify(channel, $2::text)::text FROM unnest($1::text[]) AS given (channel)',
}

/**
 * Notifies the consumers of queues that there are messages: in the transaction that writes them, unless the queue was
 * notified several times a moment before; then once more at the end of that moment, by itself.
 */
export class Notices {
  readonly #database: Database
  /** Of each queue, when its window began, by the clock of `performance`, and how often it was notified since. */
  readonly #windows = new Map<string, { readonly from: number; count: number }>()
  readonly #late = new Map<string, Payload>()
  readonly #again = new Map<string, Payload>()
  #timer: NodeJS.Timeout | undefined
  #repeating: NodeJS.Timeout | undefined

  constructor(database: Database) {
    this.#database = database
  }

  steps(queues: ReadonlyMap<string, Payload>): Step[] {
    const now = performance.now()
    const due = new Map<string, Payload>()
    for (const [queue, payload] of queues) {
      if (this.#mayNotify(queue, now)) due.set(queue, payload)
      else this.#later(queue, payload)
    }
    return notifySteps(this.#database.schema, due)
  }

  /** Sends what is late: this process may end, and idle consumers would look only seconds later. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    clearTimeout(this.#repeating)
    await this.#notify(notifySteps(this.#database.schema, this.#takeLate()))
  }

  #mayNotify(queue: string, now: number): boolean {
    const window = this.#windows.get(queue)
    if (window && now - window.from < WINDOW_MS) return ++window.count <= MAX_IN_WINDOW
    if (this.#windows.size >= MAX_QUEUES) this.#windows.clear()
    this.#windows.set(queue, { from: now, count: 1 })
    return true
  }

  #later(queue: string, payload: Payload): void {
    this.#late.set(queue, joined(this.#late.get(queue), payload))
    this.#timer ??= setTimeout(() => this.#flush(), WINDOW_MS).unref()
  }

  #flush(): void {
    this.#timer = undefined
    const late = this.#takeLate()
    void this.#notify(this.steps(late))
    for (const [queue, payload] of late) this.#again.set(queue, joined(this.#again.get(queue), payload))
    this.#repeating ??= setTimeout(() => {
      this.#repeating = undefined
      const steps = notifySteps(this.#database.schema, this.#again)
      this.#again.clear()
      void this.#notify(steps)
    }, AGAIN_MS).unref()
  }

  #takeLate(): ReadonlyMap<string, Payload> {
    const late = new Map(this.#late)
    this.#late.clear()
    return late
  }

  async #notify(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0 || this.#database.problem) return
    try {
      await this.#database.run(steps)
    } catch {
      // A consumer that misses it looks by itself within seconds.
    }
  }
}

/** The steps that notify the consumers of all these queues. */
export function notifySteps(schema: string, queues: ReadonlyMap<string, Payload>): Step[] {
  const channels: Record<Payload, string[]> = { '': [], d: [], b: [], l: [], a: [] }
  for (const [queue, payload] of queues) channels[payload].push(queueChannel(schema, queue))
  const payloads = (['', 'd', 'b', 'l', 'a'] as const).filter((payload) => channels[payload].length > 0)
  // Names of channels are plain: they need no quotes in an array.
  return payloads.map((payload) => ({ statement: NOTIFY, values: [`{${channels[payload].join(',')}}`, payload] }))
}
