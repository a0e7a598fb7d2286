import { isoOf } from '../std/clock.ts'
import { StoreUnavailableError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { type AlertState, type Judged, judge, type Reading } from './judge.ts'
import { alertEvent } from './message.ts'
import type { ParsedAlertOptions } from './options.ts'
import { MAX_OUTGOING, type Outgoing, type SenderParts, sendDue } from './outbox.ts'
import { readingsOf, type Watched } from './readings.ts'
import type { ParsedRule } from './rules.ts'

/** Where alerts are kept: one text, so that states and what is on its way change together. */
export interface AlertMemory {
  load(): Promise<string | undefined>
  /** False, and nothing is kept, where another process looks after the alerts. */
  save(text: string): Promise<boolean>
  /** False while another process looks after them, as far as it is known. */
  isOurs(): boolean
}

export interface AlertParts extends Omit<SenderParts, 'webhooks'> {
  readonly options: ParsedAlertOptions
  readonly watched: Watched
  readonly memory: AlertMemory
}

interface Kept {
  readonly states: readonly AlertState[]
  readonly outgoing: readonly Outgoing[]
}

/** What a rule would send now, and what it has sent. */
export interface RuleReport {
  readonly rule: string
  readonly on: ParsedRule['on']
  readonly readings: readonly Reading[]
  readonly states: readonly AlertState[]
  /** Why it could not be looked at. */
  readonly problem?: string
}

/**
 * Watches a fleet by rules, and sends alerts and recoveries to webhooks. An alert and its place on the way are kept in
 * one write before it is sent, so that each is delivered at least once, also over a crash; a repeat has the same id.
 * Of the processes that share a recorder's file, the one that records looks after the alerts.
 */
export class AlertWatch implements Service {
  readonly #parts: AlertParts
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))
  #checking: Promise<void> | undefined
  /** Rules whose last look failed: logged once. */
  readonly #failing = new Set<string>()

  constructor(parts: AlertParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  /** Look at all rules once, and send what is due. A call while it looks joins that one. */
  check(signal: AbortSignal = new AbortController().signal): Promise<void> {
    this.#checking ??= this.#check(signal).finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  /** What each rule finds now, and how its alerts stand. Changes and sends nothing. */
  async report(): Promise<readonly RuleReport[]> {
    const { options, watched, clock } = this.#parts
    const { states } = await this.#kept()
    return Promise.all(
      options.rules.map(async (rule) => {
        const known = { rule: rule.name, on: rule.on, states: states.filter((state) => state.rule === rule.name) }
        try {
          return { ...known, readings: await readingsOf(rule, watched, clock.now()) }
        } catch (error) {
          if (!(error instanceof StoreUnavailableError)) throw error
          return { ...known, readings: [], problem: error.message }
        }
      }),
    )
  }

  async #open(run: ServiceRun): Promise<void> {
    const { clock, options, logger } = this.#parts
    const stop = new AbortController()
    let cancel: () => void = () => undefined
    const look = async (): Promise<void> => {
      try {
        await this.check(stop.signal)
      } catch (error) {
        logger.error({ err: error }, 'alerts could not be looked at: it is tried again')
      }
      if (!stop.signal.aborted) cancel = clock.after(options.every, () => void look(), true)
    }
    cancel = clock.after(0, () => void look(), true)
    run.defer(async () => {
      cancel()
      stop.abort()
      await this.#checking?.catch(() => undefined)
    })
  }

  async #check(signal: AbortSignal): Promise<void> {
    if (!this.#parts.memory.isOurs()) return
    const kept = await this.#kept()
    const judged = await Promise.all(this.#parts.options.rules.map((rule) => this.#judge(rule, kept.states)))
    const outgoing = judged.flatMap(({ rule, changes }) => changes.flatMap((change) => this.#outgoing(rule, change)))
    const next = {
      states: judged.flatMap(({ states }) => states),
      outgoing: this.#bounded([...kept.outgoing, ...outgoing]),
    }
    // Another process has taken over: what is judged here may be judged there.
    if (!(await this.#save(kept, next))) return
    const left = await sendDue(next.outgoing, { ...this.#parts, webhooks: this.#parts.options.webhooks }, signal)
    await this.#save(next, { ...next, outgoing: left })
  }

  async #judge(rule: ParsedRule, all: readonly AlertState[]): Promise<Judged & { readonly rule: ParsedRule }> {
    const { watched, clock, logger } = this.#parts
    const known = all.filter((state) => state.rule === rule.name)
    try {
      const readings = await readingsOf(rule, watched, clock.now())
      this.#failing.delete(rule.name)
      return { rule, ...judge(rule, known, readings, clock.now()) }
    } catch (error) {
      // Unknown is neither alert nor recovery.
      if (!this.#failing.has(rule.name))
        logger.warn({ err: error, rule: rule.name }, 'a rule of the alerts could not be looked at')
      this.#failing.add(rule.name)
      return { rule, states: known, changes: [] }
    }
  }

  #outgoing(rule: ParsedRule, change: Judged['changes'][number]): Outgoing[] {
    const { options, logger } = this.#parts
    const { kind, state, at } = change
    logger[kind === 'firing' ? 'warn' : 'info'](
      { rule: rule.name, subject: state.subject },
      `alert ${kind}: ${state.text}`,
    )
    return options.to.map((url) => {
      const id = uuidOf(rule.name, state.subject, kind, isoOf(state.startedAt), url)
      const body = alertEvent(change, rule, { id, source: options.webhooks.source })
      return { id, url, body, attempts: 0, dueAt: at }
    })
  }

  #bounded(outgoing: readonly Outgoing[]): readonly Outgoing[] {
    const tooMany = outgoing.length - MAX_OUTGOING
    if (tooMany <= 0) return outgoing
    this.#parts.logger.error({ alerts: tooMany }, 'too many alerts wait for their receivers: the oldest are given up')
    return outgoing.slice(tooMany)
  }

  async #kept(): Promise<Kept> {
    const text = await this.#parts.memory.load()
    return text === undefined ? { states: [], outgoing: [] } : (JSON.parse(text) as Kept)
  }

  /** Where nothing changed but values, nothing is written. */
  async #save(before: Kept, after: Kept): Promise<boolean> {
    const text = JSON.stringify(after)
    return JSON.stringify(before) === text || this.#parts.memory.save(text)
  }
}
