import { type LimitState, type LimitTarget, MAX_LISTED } from '../../../app/limits/limits.ts'
import { rateText } from '../../../config/taskValues.ts'
import { isSet } from '../../../protocol/control.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { shown, textOf, wholeOf } from './arguments.ts'

/** Limits of all workers together: of the store, whichever worker is asked. */
export const PAUSE_COMMANDS: Readonly<Record<string, Command>> = { limits, pause, resume }

const DEFAULT_LISTED = 100

async function limits({ rule, paused, limit }: Arguments, { app }: CommandContext): Promise<unknown> {
  const count = wholeOf(limit, 'limit', 1, DEFAULT_LISTED)
  const found = await app.limits.list({
    rule: isGiven(rule) ? textOf(rule, 'rule') : undefined,
    paused: isSet(paused),
    limit: Math.min(count, MAX_LISTED),
  })
  return found.map(limitInfo)
}

async function pause(given: Arguments, { app }: CommandContext): Promise<unknown> {
  const target = targetOf(given)
  if (!target) throw new TypeError(`pause: expected one of queue, task and limit, got ${shown(given)}`)
  await app.limits.pause(target)
  return { ok: `${targetText(target)} is paused` }
}

/** Without a queue, a task or a limit it is the end of `quiet`. */
async function resume(given: Arguments, { app, worker }: CommandContext): Promise<unknown> {
  const target = targetOf(given)
  if (target) {
    await app.limits.resume(target)
    return { ok: `${targetText(target)} is not paused` }
  }
  await worker.resume()
  return { ok: 'takes tasks' }
}

/** Undefined where nothing is named. Throws TypeError. */
function targetOf({ queue, task, limit, key }: Arguments): LimitTarget | undefined {
  const named = Object.entries({ queue, task, limit }).filter(([, value]) => isGiven(value))
  if (named.length > 1) throw new TypeError(`expected one of queue, task and limit, got ${named.length}`)
  if (isGiven(key) && !isGiven(task)) throw new TypeError('key: expected a task beside it')
  if (isGiven(queue)) return { queue: textOf(queue, 'queue') }
  if (isGiven(limit)) return { limit: textOf(limit, 'limit') }
  if (!isGiven(task)) return undefined
  return { task: textOf(task, 'task'), ...(isGiven(key) && { key: textOf(key, 'key') }) }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function targetText(target: LimitTarget): string {
  if ('queue' in target) return `queue ${target.queue}`
  if ('limit' in target) return `limit ${target.limit}`
  return target.key === undefined ? `task ${target.task}` : `task ${target.task}, key ${target.key}`
}

/** Times in seconds, as in all answers; null: there is none. */
function limitInfo({ rule, key, limit, held, waiting, paused, until, breaker }: LimitState): unknown {
  return {
    ...{ rule, key, held, waiting, paused },
    concurrency: limit?.concurrency ?? null,
    rate: limit?.rate ? rateText(limit.rate.interval) : null,
    burst: limit?.rate?.burst ?? null,
    until: until === undefined ? null : until / 1000,
    breaker: breaker ?? null,
  }
}
