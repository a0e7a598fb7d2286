import type { BreakerRule, LimitRule, RateRule } from '../../broker/limits.ts'
import type { QueueOptions } from '../../broker/queueOptions.ts'
import type { LimitName } from '../../protocol/limits.ts'
import {
  type KeyFunction,
  type ParsedBreaker,
  type ParsedConcurrency,
  type ParsedFair,
  type ParsedRateLimit,
  requireRuleLength,
} from './limitOptions.ts'

/** One limit of a task: a rule, and what makes its key. */
interface PlannedUse {
  readonly rule: string
  readonly count: number
  readonly key: KeyFunction | undefined
  /** The option that it comes from, for errors. */
  readonly option: string
}

/** The limits of a task. */
export interface LimitPlan {
  readonly rules: readonly LimitRule[]
  /** In the order in which messages name them. */
  readonly uses: readonly PlannedUse[]
  /** Shared limits that it uses: `app.limit` defines them. */
  readonly shared: readonly string[]
}

const [TASK_PREFIX, QUEUE_PREFIX] = ['task:', 'queue:']

/** What limits all runs of a task; with no limit of its own it only stops them. */
export function taskRule(task: string): string {
  return TASK_PREFIX + task
}

/** The task that a rule without keys is of; undefined for another rule. A keyed rule has a further part. */
export function taskOfRule(rule: string): string | undefined {
  return rule.startsWith(TASK_PREFIX) ? rule.slice(TASK_PREFIX.length) : undefined
}

/** The queue that a rule is of; undefined for another rule. */
export function queueOfRule(rule: string): string | undefined {
  return rule.startsWith(QUEUE_PREFIX) ? rule.slice(QUEUE_PREFIX.length) : undefined
}

/** What limits a queue. */
export function queueRule(queue: string): string {
  return QUEUE_PREFIX + queue
}

/** The rules of queues that have limits. */
export function queueRules(queues: Readonly<Record<string, QueueOptions>>): LimitRule[] {
  return Object.entries(queues).flatMap(([name, { concurrency }]) =>
    concurrency === undefined ? [] : [{ name: queueRule(name), concurrency }],
  )
}

interface PlannedOptions {
  readonly rateLimit: number | ParsedRateLimit | undefined
  readonly concurrency: ParsedConcurrency | undefined
  readonly uses: ReadonlyMap<string, number> | undefined
  readonly fair: ParsedFair | undefined
  readonly breaker: ParsedBreaker | undefined
}

/** The limits that these options mean; undefined where they mean none. Throws ArgumentError. */
export function limitPlan(task: string, options: PlannedOptions): LimitPlan | undefined {
  const { concurrency, uses = new Map<string, number>(), fair, breaker } = options
  const rate = typeof options.rateLimit === 'object' ? options.rateLimit : undefined
  if (!rate && !concurrency && !fair && !breaker && uses.size === 0) return undefined
  const own = taskRule(task)
  requireRuleLength(`${own}:concurrency`, `task ${task}: its name, with limits`)
  const limits = [
    { option: 'rateLimit', name: 'rate', key: rate?.key, limit: rate && { rate: bucketOf(rate) } },
    {
      option: 'concurrency',
      name: 'concurrency',
      key: concurrency?.key,
      limit: concurrency && { concurrency: concurrency.limit },
    },
    { option: 'breaker', name: 'breaker', key: breaker?.key, limit: breaker && { breaker: ruleOf(breaker) } },
    { option: 'fair', name: 'fair', key: fair?.key, limit: fair && {} },
  ].filter(({ limit }) => limit !== undefined)
  const whole: LimitRule = Object.assign({ name: own }, ...limits.flatMap(({ key, limit }) => (key ? [] : [limit])))
  const keyed = limits.filter(({ key }) => key !== undefined)
  return {
    rules: [whole, ...keyed.map(({ name, limit }) => ({ name: `${own}:${name}`, ...limit }))],
    uses: [
      // Of a limit that it only has to be stopped by it needs nothing.
      { rule: own, count: Object.keys(whole).length > 1 ? 1 : 0, key: undefined, option: '' },
      ...keyed.map(({ name, key, option }) => ({
        rule: `${own}:${name}`,
        count: name === 'fair' ? 0 : 1,
        key,
        option,
      })),
      ...[...uses].map(([rule, count]) => ({ rule, count, key: undefined, option: 'uses' })),
    ],
    shared: [...uses.keys()],
  }
}

function bucketOf({ interval, burst }: ParsedRateLimit): RateRule {
  return { interval, burst }
}

function ruleOf({ failures, within, pause }: ParsedBreaker): BreakerRule {
  return { failures, within, pause }
}

/** The rules of a plan that have keys. */
export function keyedRules(plan: LimitPlan | undefined): readonly string[] {
  return plan ? plan.uses.filter(({ key }) => key !== undefined).map(({ rule }) => rule) : []
}

/** What a limit is of, for people and programs. */
export interface LimitSubject {
  readonly kind: 'queue' | 'task' | 'limit'
  /** Of the queue, the task, or the shared limit. */
  readonly name: string
  /** The option of the task that the limit comes from, where it has keys: `concurrency`. */
  readonly option?: string
}

/** The rule of a task with keys: the name of the task, and the option. */
const KEYED_RULE = /^(.+):([a-z]+)$/s

/** The queue, task or shared limit that a rule is of. */
export function subjectOf({ rule, key }: LimitName): LimitSubject {
  const queue = queueOfRule(rule)
  if (queue !== undefined) return { kind: 'queue', name: queue }
  const task = taskOfRule(rule)
  if (task === undefined) return { kind: 'limit', name: rule }
  const [, name, option] = (key !== '' && KEYED_RULE.exec(task)) || []
  return name !== undefined && option !== undefined ? { kind: 'task', name, option } : { kind: 'task', name: task }
}

/** The same as text: `queue slow`, `task mail.send, concurrency of acme`, `limit github`. */
export function subjectText(limit: LimitName): string {
  const { kind, name, option } = subjectOf(limit)
  return option === undefined ? `${kind} ${name}` : `${kind} ${name}, ${option} of ${limit.key}`
}

/** The arguments of `celeriac pause` and `celeriac resume` for it, as a shell takes them. */
export function subjectArguments(limit: LimitName): string {
  const { kind, name, option } = subjectOf(limit)
  const words = option === undefined ? [kind, name] : [kind, name, '--key', limit.key]
  return words.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
