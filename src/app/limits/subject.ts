import { queueOfRule, taskOfRule } from '../../config/limitPlan.ts'
import type { LimitName } from '../../protocol/limits.ts'

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
