import crypto from 'node:crypto'
import type { App } from '../app/app.ts'
import { JobStore } from '../app/jobStore.ts'
import type { Note, NoteStore } from '../backend/notes.ts'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import type { Clock } from '../std/clock.ts'
import { ArgumentError, ConfigError, Fatal, StoreUnavailableError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { redactUrl } from '../std/url.ts'

/** What is stored about an endpoint that fails. About a working endpoint nothing is stored. */
export interface Trouble {
  /** When the first attempt after the last success failed, ms since the epoch. */
  readonly since: number
  /** Why it is disabled; absent where it is not. */
  readonly disabled?: string
}

/** How an attempt failed: it will be repeated; it was the last one; or the receiver wants no further delivery. */
export type Failed = 'again' | 'for good' | 'gone'

/** The note of a disabled endpoint is kept for this time plus the time between two probes after the last event, ms. */
const DISABLED_LIFETIME_MS = 30 * 86_400_000

/** The key of the note on an endpoint: a URL, its query included. The key does not reveal the URL. */
export function troubleKey(url: string): string {
  return `webhook ${crypto.hash('sha256', URL.parse(url)?.href ?? url, 'base64url')}`
}

/** The key of the note that a probe is in progress, or was a short time ago. */
function probeKey(url: string): string {
  return `${troubleKey(url)} probe`
}

/** The URL of an endpoint as a user writes it. Throws ArgumentError for an invalid one. */
export function endpointUrl(text: string): string {
  const url = URL.parse(text)
  if (!url) throw new ArgumentError(`webhook: expected a URL, got ${JSON.stringify(redactUrl(text))}`)
  return url.href
}

/** The failures that are stored about an endpoint; undefined where there are none. */
export async function troubleOf(url: string, notes: NoteStore): Promise<Trouble | undefined> {
  const value = await notes.get(troubleKey(url))
  return value === undefined ? undefined : (JSON.parse(value) as Trouble)
}

/** Drop what is stored about an endpoint: the next delivery goes to it. True when it was disabled. */
export async function enable(url: string, notes: NoteStore): Promise<boolean> {
  const trouble = await troubleOf(url, notes)
  for (const key of [troubleKey(url), probeKey(url)]) await notes.put({ key, value: '', expires: 0 })
  return trouble?.disabled !== undefined
}

/** The store of the notes on endpoints. Rejects with ConfigError where the result backend keeps no notes. */
export async function endpointNotes(app: App): Promise<NoteStore> {
  const notes = await new JobStore(app).notes()
  if (notes) return notes
  const { backend } = await app.connect()
  throw new ConfigError(`${backend} remembers nothing of webhooks: none is ever disabled`)
}

/**
 * What an endpoint is remembered by: the store of the notes, undefined where the result backend keeps none, and the
 * clock.
 */
export interface EndpointMemory {
  notes(): Promise<NoteStore | undefined>
  readonly clock: Clock
}

/**
 * The endpoint of one attempt, and what all workers know of it, stored as notes. A working endpoint costs one read. If
 * the store is unavailable, or keeps no notes, the delivery continues as if nothing were known.
 */
export class Endpoint {
  readonly #url: string
  readonly #memory: EndpointMemory
  readonly #disableAfter: number | undefined
  readonly #probeEvery: number
  readonly #log: Logger
  #known: Trouble | undefined

  constructor(
    url: string,
    memory: EndpointMemory,
    { disableAfter, probeEvery }: Pick<WebhookConfig, 'disableAfter' | 'probeEvery'>,
    log: Logger,
  ) {
    this.#url = url
    this.#memory = memory
    this.#disableAfter = disableAfter
    this.#probeEvery = probeEvery
    this.#log = log
  }

  /** This attempt is a probe: it checks whether a disabled endpoint works again. */
  get isProbe(): boolean {
    return this.#known?.disabled !== undefined
  }

  /** True if deliveries to it fail at once. This is no attempt. */
  async isDisabled(): Promise<boolean> {
    const trouble = await this.#remembered((notes) => troubleOf(this.#url, notes))
    return trouble?.disabled !== undefined
  }

  /** Before the attempt. Throws Fatal where the endpoint is disabled, unless it is time for a probe. */
  async enter(): Promise<void> {
    const refused = await this.#remembered(async (notes) => {
      this.#known = await troubleOf(this.#url, notes)
      return this.isProbe && !(await this.#takeProbe(notes))
    })
    if (refused) throw new Fatal(`webhook: the endpoint is disabled: ${this.#known?.disabled}`)
  }

  /** The attempt was accepted. */
  async succeeded(): Promise<void> {
    if (!this.#known) return
    const enabled = await this.#remembered((notes) => enable(this.#url, notes))
    if (enabled) this.#log.info({ url: redactUrl(this.#url) }, 'a webhook endpoint works again: it is enabled')
  }

  /** The attempt failed; `reason` for people. */
  async failed(reason: string, how: Failed): Promise<void> {
    await this.#remembered(async (notes, disableAfter) => {
      const now = this.#now()
      // Another delivery may have been accepted while this one waited for its answer.
      const known = how === 'again' ? this.#known : await troubleOf(this.#url, notes)
      if (known?.disabled !== undefined) return this.isProbe ? this.#write(known, notes) : undefined
      const since = known?.since ?? now
      if (how === 'gone' || (how === 'for good' && now - since >= disableAfter))
        return this.#disable({ since, disabled: `${reason} (failing since ${new Date(since).toISOString()})` }, notes)
      // After twice the time an old failure is no evidence any more.
      if (!known) await notes.putIfAbsent(this.#note({ since }, now + 2 * disableAfter))
    })
  }

  /** Of all deliveries that reach this at once one does it, and logs it. */
  async #disable(trouble: Trouble, notes: NoteStore): Promise<void> {
    if (!(await this.#takeProbe(notes))) return
    await this.#write(trouble, notes)
    const fields = { url: redactUrl(this.#url), reason: trouble.disabled }
    this.#log.error(fields, 'a webhook endpoint is disabled: deliveries to it fail at once')
  }

  #write(trouble: Trouble, notes: NoteStore): Promise<void> {
    return notes.put(this.#note(trouble, this.#now() + DISABLED_LIFETIME_MS + this.#probeEvery))
  }

  #now(): number {
    return this.#memory.clock.now()
  }

  #note(trouble: Trouble, expires: number): Note {
    return { key: troubleKey(this.#url), value: JSON.stringify(trouble), expires }
  }

  /** False if another delivery took the probe within the time between two probes. */
  #takeProbe(notes: NoteStore): Promise<boolean> {
    return notes.putIfAbsent({ key: probeKey(this.#url), value: '', expires: this.#now() + this.#probeEvery })
  }

  /**
   * Deliveries do not depend on the notes: undefined if endpoints are never disabled, no notes are kept, or the store
   * is unavailable.
   */
  async #remembered<Value>(
    step: (notes: NoteStore, disableAfter: number) => Promise<Value>,
  ): Promise<Value | undefined> {
    if (this.#disableAfter === undefined) return undefined
    try {
      const notes = await this.#memory.notes()
      return notes && (await step(notes, this.#disableAfter))
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      this.#log.warn(
        { err: error, url: redactUrl(this.#url) },
        'what is known of a webhook endpoint could not be read or kept',
      )
      return undefined
    }
  }
}
