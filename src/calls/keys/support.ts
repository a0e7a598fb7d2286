import { asksForMessage, changesJob, type OnceRule, onceRuleOf } from '../../config/task/onceOptions.ts'
import { ConfigError } from '../../std/errors.ts'
import type { OpenStores } from '../../stores/open.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { Guard } from './guard.ts'

/** How the task of a rule runs. */
export interface RunFacts {
  /** Its worker stores STARTED. */
  readonly tracked: boolean
  readonly acksLate: boolean
}

type SupportingStores = Pick<OpenStores, 'broker' | 'backend' | 'unitOfWork'>

/**
 * Why a rule cannot be kept in these stores, for people; undefined where it can. `exchange`: a call goes to it by name.
 */
export function supportProblem(
  rule: Guard['rule'],
  stores: SupportingStores,
  facts: RunFacts,
  exchange?: string,
): string | undefined {
  const { broker, backend, unitOfWork } = stores
  const { option } = rule
  if (!backend.notes)
    return `${option} needs a result backend that keeps notes: expected sqlite:, postgres: or redis:, got ${backend.url}`
  if (option === 'idempotencyKey') return undefined
  if (changesJob(rule) && !unitOfWork.change) return changeProblem(rule, broker.change ? undefined : broker.url)
  const isTold = rule.option === 'unique' && rule.while === 'queued' && facts.tracked && !changesJob(rule)
  if (exchange && broker.finds === 'limited' && asksForMessage(rule) && !isTold)
    return `${option} asks for the message of a job, and ${broker.url} finds none that went by an exchange (${exchange}): send it to a queue by its name`
  if (option !== 'unique') return undefined
  if (rule.while === 'running' && !broker.find)
    return `unique while 'running' needs a broker that says whether a worker is lost, and ${broker.url} does not: give the app a store beside it (option limits), or use 'until-done'`
  if (rule.while === 'queued' && !facts.tracked && !(broker.find && facts.acksLate))
    return `unique while 'queued' needs trackStarted: true here, which says when a run begins: ${broker.find ? 'acksLate is false' : `${broker.url} cannot be asked for a message`}`
  return undefined
}

/** The stores of a worker of these tasks. Throws ConfigError for a rule that they cannot keep. */
export function requireSupport<Stores extends SupportingStores>(
  tasks: ReadonlyMap<string, { readonly definition: TaskDefinition }>,
  stores: Stores,
  trackStarted: boolean,
): Stores {
  for (const [task, { definition }] of tasks) {
    const { options } = definition
    const rule = onceRuleOf(options)
    const facts = { tracked: options.trackStarted ?? trackStarted, acksLate: options.acksLate }
    const problem = rule && supportProblem(rule, stores, facts)
    if (problem !== undefined) throw new ConfigError(`task ${task}: ${problem}`)
  }
  return stores
}

/** `broker`: its URL, where that is the reason. */
function changeProblem(rule: OnceRule, broker: string | undefined): string {
  const what = {
    unique: "unique with onConflict 'replace'",
    debounce: 'debounce',
    throttle: "throttle with keep 'last'",
  }[rule.option]
  const instead = rule.option === 'unique' ? "onConflict 'return' or 'reject'" : "throttle with keep 'first', or unique"
  return broker === undefined
    ? `${what} changes a job that waits, which app.within cannot do: call it after the commit`
    : `${what} changes a job that waits, and ${broker} cannot do that: give the app a store beside it (option limits), or use ${instead}`
}
