import crypto from 'node:crypto'
import type { App } from '../app/app.ts'
import { JobStore } from '../app/jobStore.ts'
import type { Note, NoteStore } from '../backend/notes.ts'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import { ArgumentError, ConfigError, Fatal, StoreUnavailableError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { redactUrl } from '../std/url.ts'

/** What is remembered of an endpoint that fails. Of one that works there is nothing. */
export interface Trouble {
  /** When the first attempt after the last success failed, ms since the epoch. */
  readonly since: number
  /** Why it is disabled; absent where it is not. */
  readonly disabled?: string
}

/** How an attempt failed: to be repeated; for the last time; or told that it shall never be. */
export type Failed = 'again' | 'for good' | 'gone'

/** The note of a disabled endpoint is kept for this time and that between two probes after the last event, ms. */
const DISABLED_LIFETIME_MS = 30 * 86_400_000

/** The note on an endpoint: a URL, its query included. Nothing of it can be read in the key. */
export function troubleKey(url: string): string {
  return `webhook ${crypto.hash('sha256', URL.parse(url)?.href ?? url, 'base64url')}`
}

/** The note that says that a probe is out, or was not long ago. */
function probeKey(url: string): string {
  return `${troubleKey(url)} probe`
}

/** The URL of an endpoint as somebody writes it. Throws ArgumentError for what is none. */
export function endpointUrl(text: string): string {
  const url = URL.parse(text)
  if (!url) throw new ArgumentError(`webhook: expected a URL, got ${JSON.stringify(redactUrl(text))}`)
  return url.href
}

/** What is known against an endpoint; undefined where nothing is. */
export async function troubleOf(url: string, notes: NoteStore): Promise<Trouble | undefined> {
  const value = await notes.get(troubleKey(url))
  return value === undefined ? undefined : (JSON.parse(value) as Trouble)
}

/** Forget what is known against an endpoint: the next delivery goes to it. True when it was disabled. */
export async function enable(url: string, notes: NoteStore): Promise<boolean> {
  const trouble = await troubleOf(url, notes)
  for (const key of [troubleKey(url), probeKey(url)]) await notes.put({ key, value: '', expires: 0 })
  return trouble?.disabled !== undefined
}

/** Where the notes on endpoints are kept. Rejects with ConfigError where they cannot be. */
export async function endpointNotes(app: App): Promise<NoteStore> {
  const notes = await new JobStore(app).notes()
  if (notes) return notes
  const { backend } = await app.connect()
  throw new ConfigError(`${backend} remembers nothing of webhooks: none is ever disabled`)
}

/** Where notes are kept; undefined where none can be. */
export type NotesOf = () => Promise<NoteStore | undefined>

/**
 * The endpoint of one attempt, and what all workers know of it, kept as notes. An endpoint that works costs one read. Where the store is away,
 * or keeps no notes, the delivery goes on as if nothing were known.
 */
export class Endpoint {
  readonly #url: string
  readonly #notes: NotesOf
  readonly #disableAfter: number | undefined
  readonly #probeEvery: number
  readonly #log: Logger
  #known: Trouble | undefined

  constructor(
    url: string,
    notes: NotesOf,
    { disableAfter, probeEvery }: Pick<WebhookConfig, 'disableAfter' | 'probeEvery'>,
    log: Logger,
  ) {
    this.#url = url
    this.#notes = notes
    this.#disableAfter = disableAfter
    this.#probeEvery = probeEvery
    this.#log = log
  }

  /** This attempt is the one that finds out whether a disabled endpoint works again. */
  get isProbe(): boolean {
    return this.#known?.disabled !== undefined
  }

  /** Without an attempt: deliveries to it fail at once. */
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
      const now = Date.now()
      // Another delivery may have been accepted while this one waited for its answer.
      const known = how === 'again' ? this.#known : await troubleOf(this.#url, notes)
      if (known?.disabled !== undefined) return this.isProbe ? this.#write(known, notes) : undefined
      const since = known?.since ?? now
      if (how === 'gone' || (how === 'for good' && now - since >= disableAfter))
        return this.#disable({ since, disabled: `${reason} (failing since ${new Date(since).toISOString()})` }, notes)
      // After twice the time an old failure says no more of the endpoint.
      if (!known) await notes.putIfAbsent(this.#note({ since }, now + 2 * disableAfter))
    })
  }

  /** One of all who come to it at once does it, and says so. */
  async #disable(trouble: Trouble, notes: NoteStore): Promise<void> {
    if (!(await this.#takeProbe(notes))) return
    await this.#write(trouble, notes)
    const fields = { url: redactUrl(this.#url), reason: trouble.disabled }
    this.#log.error(fields, 'a webhook endpoint is disabled: deliveries to it fail at once')
  }

  #write(trouble: Trouble, notes: NoteStore): Promise<void> {
    return notes.put(this.#note(trouble, Date.now() + DISABLED_LIFETIME_MS + this.#probeEvery))
  }

  #note(trouble: Trouble, expires: number): Note {
    return { key: troubleKey(this.#url), value: JSON.stringify(trouble), expires }
  }

  /** False where somebody had the turn within the time between two probes. */
  #takeProbe(notes: NoteStore): Promise<boolean> {
    return notes.putIfAbsent({ key: probeKey(this.#url), value: '', expires: Date.now() + this.#probeEvery })
  }

  /** Deliveries do not depend on what is remembered: undefined where nothing is to be, nothing can be, or the store is away. */
  async #remembered<Value>(
    step: (notes: NoteStore, disableAfter: number) => Promise<Value>,
  ): Promise<Value | undefined> {
    if (this.#disableAfter === undefined) return undefined
    try {
      const notes = await this.#notes()
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
