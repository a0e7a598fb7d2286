import { parseRate } from '../../../config/taskValues.ts'
import { pythonRepr } from '../../../protocol/repr.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { textOf, timeOf } from './arguments.ts'

/** Limits of tasks, changed until the worker stops. */
export const LIMIT_COMMANDS: Readonly<Record<string, Command>> = { rate_limit: rateLimit, time_limit: timeLimit }

function rateLimit({ task_name, rate_limit: rate }: Arguments, { app, turns }: CommandContext): unknown {
  const name = textOf(task_name, 'task_name')
  let interval: number | undefined
  try {
    // Celery's words for no limit.
    interval = rate === null || rate === undefined || rate === '' ? undefined : parseRate(rate, 'rate_limit')
  } catch {
    return { error: `Invalid rate limit string: ${pythonRepr(rate, 80)}` }
  }
  const definition = app.definition(name)
  if (!definition) return { error: 'unknown task' }
  if (definition.options.batch) return { error: 'a task with batch has no rate limit' }
  const present = turns()
  if (!present) return { error: 'the worker does not take tasks yet' }
  present.setRateLimit(name, interval)
  return { ok: interval === undefined ? 'rate limit disabled successfully' : 'new rate limit set successfully' }
}

/** Each that is not given is that of the worker again. */
function timeLimit({ task_name, soft, hard }: Arguments, { app, state }: CommandContext): unknown {
  const name = textOf(task_name, 'task_name')
  const limits = { timeLimit: timeOf(hard, 'hard'), softTimeLimit: timeOf(soft, 'soft') }
  if (!app.definition(name)) return { error: 'unknown task' }
  state.timeLimits.set(name, limits)
  return { ok: 'time limits set successfully' }
}
