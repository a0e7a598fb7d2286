import type { Event } from '../protocol/event.ts'

/** Events that wait to be written, and their characters; those that follow are lost, and counted. */
const MAX_EVENTS = 50_000
const MAX_LENGTH = 64 * 2 ** 20
/** Longest event that is kept whole, in characters. */
const MAX_EVENT_LENGTH = 65_536
/** Events of one transaction, and their characters. */
const MAX_TAKEN = 2500
const MAX_TAKEN_LENGTH = 4 * 2 ** 20

/** Of an event that is too long. */
const MAX_KEPT_TEXT = 8192
const MAX_KEPT_FIELDS = 50

export interface Loss {
  readonly since: number
  readonly until: number
  readonly events?: number | undefined
}

/** Events that wait to be written. */
export class Inbox {
  readonly #events: { readonly id: string | undefined; readonly text: string }[] = []
  #length = 0
  #lost: { readonly since: number; until: number; events: number } | undefined
  readonly #losses: Loss[] = []

  get size(): number {
    return this.#events.length
  }

  /** `now`: when it came. */
  add(event: Event, now: number): void {
    const text = textOf(event)
    if (this.#events.length >= MAX_EVENTS || this.#length + text.length > MAX_LENGTH) {
      this.#lost ??= { since: now, until: now, events: 0 }
      this.#lost.until = now
      this.#lost.events++
      return
    }
    this.#events.push({ id: event.type.startsWith('task-') ? event.uuid : undefined, text })
    this.#length += text.length
  }

  /** Something else was lost. */
  lose(loss: Loss): void {
    this.#losses.push(loss)
  }

  /** The first that wait. They stay until `drop`. */
  peek(): { ids: ReadonlySet<string>; texts: readonly string[]; losses: readonly Loss[] } {
    let length = 0
    const end = this.#events.slice(0, MAX_TAKEN).findIndex(({ text }) => {
      length += text.length
      return length > MAX_TAKEN_LENGTH
    })
    const events = this.#events.slice(0, end > 0 ? end : MAX_TAKEN)
    const ids = new Set(events.flatMap(({ id }) => id ?? []))
    // What is lost from now on is another loss.
    if (this.#lost) this.#losses.push(this.#lost)
    this.#lost = undefined
    return { ids, texts: events.map(({ text }) => text), losses: [...this.#losses] }
  }

  /** These are written. */
  drop({ texts, losses }: Pick<ReturnType<Inbox['peek']>, 'texts' | 'losses'>): void {
    for (const { text } of this.#events.splice(0, texts.length)) this.#length -= text.length
    for (const loss of losses) this.#losses.splice(this.#losses.indexOf(loss), 1)
  }
}

/** An event as JSON. Of one that is no JSON, or too long, what has a meaning. */
function textOf(event: Event): string {
  try {
    const text = JSON.stringify(event)
    if (text.length <= MAX_EVENT_LENGTH) return text
  } catch (error) {
    // A bigint, or objects too deep in each other: Celery sends neither.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
  }
  const kept = Object.entries(event).filter(([, value]) => typeof value !== 'object' && typeof value !== 'bigint')
  const cut = kept.map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, MAX_KEPT_TEXT) : value])
  const { type, hostname, timestamp, uuid, clock } = event
  return JSON.stringify({
    ...Object.fromEntries(cut.slice(0, MAX_KEPT_FIELDS)),
    type,
    hostname,
    timestamp,
    uuid,
    clock,
  })
}
