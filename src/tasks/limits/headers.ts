import { queueRule, taskRule } from '../../config/task/limitPlan.ts'
import { LIMITS_HEADER, type LimitUse, limitsHeader, MAX_LIMITS } from '../../protocol/limits.ts'
import { ArgumentError } from '../../std/errors.ts'
import type { Given } from '../bind.ts'
import type { TaskDefinition } from '../definition.ts'
import { keyOf } from './keyOf.ts'

/** A call, as far as its limits depend on it. */
export interface LimitedCall {
  readonly task: string
  /** Undefined where the task is not registered here: then it has the limits of its queue alone. */
  readonly definition: TaskDefinition | undefined
  readonly given: Given
  /** The queue that it goes to, where that has a limit. */
  readonly queue?: string | undefined
}

/** The header of a call with limits. Throws ArgumentError for a key that cannot be. */
export function limitHeaders({ task, definition, given, queue }: LimitedCall): Readonly<Record<string, string>> {
  const own: LimitUse[] = definition?.options.limits
    ? definition.options.limits.uses.map(({ rule, count, key, option }) => ({
        rule,
        key: key ? keyOf(definition, option, key, given) : '',
        count,
      }))
    : [{ rule: taskRule(task), key: '', count: 0 }]
  const uses = queue === undefined ? own : [...own, { rule: queueRule(queue), key: '', count: 1 }]
  if (uses.length > MAX_LIMITS)
    throw new ArgumentError(`task ${task}: expected at most ${MAX_LIMITS} limits, got ${uses.length}`)
  return { [LIMITS_HEADER]: limitsHeader(uses) }
}
