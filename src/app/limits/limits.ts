import type { LimitState, LimitStore } from '../../broker/limits.ts'
import { requireLimits } from '../../calls/limits/limitRules.ts'
import type { AppStores } from '../../calls/stores.ts'
import type { Config } from '../../config/config.ts'
import { type LimitReference, requireLimitName } from '../../config/task/limitOptions.ts'
import { keyedRules, queueRule, taskRule } from '../../config/task/limitPlan.ts'
import { type LimitName, MAX_LIMIT_NAME_BYTES } from '../../protocol/limits.ts'
import { type Duration, milliseconds } from '../../std/duration.ts'
import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown, requireObject, requireText, shown } from '../../std/validate.ts'

export type { LimitState } from '../../broker/limits.ts'

/**
 * What is paused, held back or looked at: a queue; a task, or one key of it; a shared limit. A task is named or given
 * itself.
 */
export type LimitTarget =
  | { readonly queue: string }
  | { readonly task: string | { readonly name: string }; readonly key?: string | undefined }
  | { readonly limit: LimitReference }

/** A shared limit: what `app.limit` returns, for the option `uses`. */
export class SharedLimit {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** The limits of an app: `app.limits`. Each call rejects with NotSupportedError where the store keeps none. */
export class Limits {
  readonly #config: Config
  readonly #stores: AppStores

  constructor(config: Config, stores: AppStores) {
    this.#config = config
    this.#stores = stores
  }

  /**
   * Begin nothing more of it, on all workers, until `resume`: also after a restart of everything. What runs goes on,
   * and calls are accepted. Throws ArgumentError; rejects with StoreUnavailableError.
   */
  pause(target: LimitTarget): Promise<void> {
    return this.#each(target, (limits, name) => limits.pause(name))
  }

  /** The end of a pause. */
  resume(target: LimitTarget): Promise<void> {
    return this.#each(target, (limits, name) => limits.resume(name))
  }

  /**
   * Begin nothing of it for a time: as an API asks that answers 429. A second call replaces the first. Not of a queue.
   * Throws ArgumentError; rejects with StoreUnavailableError.
   */
  holdBack(target: Exclude<LimitTarget, { queue: string }>, time: Duration): Promise<void> {
    const { clock } = this.#config
    const until = clock.now() + milliseconds(time, 'holdBack')
    this.#requireLane(target)
    return this.#each(target, (limits, name) => limits.holdBack(name, until))
  }

  /** What is paused, at most 1000. Rejects with StoreUnavailableError. */
  paused(): Promise<readonly LimitState[]> {
    return this.list({ paused: true, limit: MAX_LISTED })
  }

  /** What is known of these limits. Throws ArgumentError; rejects with StoreUnavailableError. */
  of(target: LimitTarget): Promise<readonly LimitState[]> {
    return this.states(this.#namesOf(target))
  }

  /** The same by their names, as `list` has them. */
  async states(names: readonly LimitName[]): Promise<readonly LimitState[]> {
    return (await this.#openToRead()).states(names)
  }

  /** Limits that are in use, paused or held back, by rule and key, at most `limit` after `after`. */
  async list(filter: LimitListFilter = {}): Promise<readonly LimitState[]> {
    const { limit = 50, after, rule, paused } = filter
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LISTED)
      throw new ArgumentError(`limit: expected a whole number from 1 to ${MAX_LISTED}, got ${shown(limit)}`)
    return (await this.#openToRead()).list({ rule, paused, after, limit })
  }

  async #each(target: LimitTarget, change: (limits: LimitStore, name: LimitName) => Promise<void>): Promise<void> {
    const names = this.#namesOf(target)
    const limits = await this.#open()
    await Promise.all(names.map((name) => change(limits, name)))
  }

  async #open(): Promise<LimitStore> {
    const { broker } = await this.#stores.openSending()
    return requireLimits(broker)
  }

  /** Without defining the limits of the app in the store: who only looks changes nothing. */
  async #openToRead(): Promise<LimitStore> {
    const { broker } = await this.#stores.open()
    return requireLimits(broker)
  }

  /** What waits in no lane cannot be held back until a moment. */
  #requireLane(target: LimitTarget): void {
    requireTarget(target)
    if ('queue' in target) throw new ArgumentError('holdBack: expected a task or a limit, got a queue: pause it')
    if ('limit' in target) return
    const name = taskOf(target)
    const definition = this.#stores.definition(name)
    if (definition && !definition.options.limits)
      throw new ArgumentError(
        `holdBack: task ${name}: expected a task with a limit or \`fair\`, got one without: pause it`,
      )
  }

  #namesOf(target: LimitTarget): readonly LimitName[] {
    requireTarget(target)
    if ('queue' in target) {
      requireText(target.queue, 'queue')
      return [{ rule: queueRule(target.queue), key: '' }]
    }
    if ('limit' in target) {
      const name = typeof target.limit === 'string' ? target.limit : target.limit.name
      requireLimitName(name, 'limit')
      return [{ rule: name, key: '' }]
    }
    const task = taskOf(target)
    return target.key === undefined ? [{ rule: taskRule(task), key: '' }] : this.#ofKey(task, target.key)
  }

  #ofKey(task: string, key: string): readonly LimitName[] {
    if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_LIMIT_NAME_BYTES)
      throw new ArgumentError(`key: expected text of 1 to ${MAX_LIMIT_NAME_BYTES} bytes, got ${shown(key)}`)
    const definition = this.#stores.definition(task)
    const rules = keyedRules(definition?.options.limits)
    if (rules.length === 0)
      throw new ArgumentError(
        `task ${task}: key: expected a task with a key: rateLimit, concurrency, breaker or fair, got one ${definition ? 'without' : 'that is not defined here'}`,
      )
    return rules.map((rule) => ({ rule, key }))
  }
}

const SUBJECTS = ['queue', 'task', 'limit'] as const
const KNOWN = new Set<string>([...SUBJECTS, 'key'])

/** Throws ArgumentError, also for a key that is undefined: without it the whole task is meant. */
function requireTarget(target: LimitTarget): void {
  requireObject(target, 'target', '{ queue }, { task } or { limit }')
  refuseUnknown(target, KNOWN, 'target')
  const given = target as Readonly<Record<string, unknown>>
  const [subject, ...more] = SUBJECTS.filter((name) => given[name] !== undefined)
  if (subject === undefined || more.length > 0)
    throw new ArgumentError(
      `target: expected one of queue, task and limit, got ${subject ? [subject, ...more].join(' and ') : 'none'}`,
    )
  if (!('key' in target)) return
  if (subject !== 'task') throw new ArgumentError(`target: key: expected a task beside it, got a ${subject}`)
  if (target.key === undefined)
    throw new ArgumentError('target: key: expected text, got undefined: leave it out for all keys of the task')
}

function taskOf({ task }: Extract<LimitTarget, { readonly task: unknown }>): string {
  const name = typeof task === 'string' ? task : task?.name
  requireText(name, 'task')
  return name
}

/** Which limits are listed. */
export interface LimitListFilter {
  /** Of this rule alone: `task:mail.send`, `queue:slow`, `github`. */
  readonly rule?: string | undefined
  /** Those that are paused alone. */
  readonly paused?: boolean | undefined
  /** At most so many. Default 50, at most 1000. */
  readonly limit?: number | undefined
  /** Those after this one. */
  readonly after?: LimitName | undefined
}

/** How many limits one call lists. */
export const MAX_LISTED = 1000
