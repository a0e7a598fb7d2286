import { arch, platform, release } from 'node:os'
import { shownSettings } from '../../../config/shownSettings.ts'
import { workerRate } from '../../../config/task/taskTable.ts'
import { rateText } from '../../../config/taskValues.ts'
import { isSet } from '../../../protocol/control.ts'
import { version } from '../../../std/version.ts'
import type { TaskDefinition } from '../../../tasks/definition.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { textsOf } from './arguments.ts'

/** What it knows and how it is set. */
export const SETTINGS_COMMANDS: Readonly<Record<string, Command>> = {
  conf: ({ with_defaults }, { app }) => shownSettings(app.config, isSet(with_defaults)),
  registered,
  report: (_, context) => ({ ok: reportOf(context) }),
}

/** Attributes of tasks by Celery's names; those that are not here are not shown. */
const ATTRIBUTES: Readonly<Record<string, (definition: TaskDefinition, context: CommandContext) => unknown>> = {
  acks_late: ({ options }) => options.acksLate,
  ignore_result: ({ options }) => options.ignoreResult,
  queue: ({ options }) => options.queue,
  rate_limit: (definition, { turns }) => {
    const present = turns()
    const interval = present ? present.rateLimit(definition) : workerRate(definition.options)
    return interval === undefined ? undefined : rateText(interval)
  },
  soft_time_limit: (definition, context) => secondsOf(limitsOf(definition, context).softTimeLimit),
  time_limit: (definition, context) => secondsOf(limitsOf(definition, context).timeLimit),
  track_started: ({ options }) => options.trackStarted,
}

/** Most attributes that are asked for at once. */
const MAX_ATTRIBUTES = 100

function registered({ taskinfoitems, builtins }: Arguments, context: CommandContext): readonly string[] {
  const asked = textsOf(taskinfoitems, 'taskinfoitems', MAX_ATTRIBUTES)
  const attributes = asked.length === 0 ? ['rate_limit'] : asked
  const { tasks } = context.app
  const names = [...tasks.keys()].filter((name) => isSet(builtins) || !/^(?:celery|celeriac)[.]/.test(name)).sort()
  return names.flatMap((name) => {
    const { definition } = tasks.get(name) ?? {}
    if (!definition) return []
    const shown = attributes.flatMap((attribute) => {
      const value = Object.hasOwn(ATTRIBUTES, attribute) ? ATTRIBUTES[attribute]?.(definition, context) : undefined
      return value === undefined ? [] : [`${attribute}=${pythonText(value)}`]
    })
    return [shown.length === 0 ? name : `${name} [${shown.join(' ')}]`]
  })
}

function limitsOf({ name, options }: TaskDefinition, { state }: CommandContext): TaskDefinition['options'] {
  const changed = state.timeLimits.get(name)
  return changed ? { ...options, ...changed } : options
}

function secondsOf(time: number | undefined): number | undefined {
  return time === undefined ? undefined : time / 1000
}

/** As Python's `str`. */
function pythonText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)
}

/** In the form of Celery's report for bugs. */
function reportOf(context: CommandContext): string {
  const { app, worker } = context
  const { broker, backend } = app.config
  const settings = Object.entries(shownSettings(app.config, false)).map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}`,
  )
  return [
    '',
    `software -> celeriac:${version()} node:${process.versions.node}`,
    `platform -> system:${platform()} arch:${arch()}`,
    `            kernel version:${release()} imp:Node.js`,
    `pool     -> ${worker.pools.map(({ kind, size }) => `${kind}:${size}`).join(' ')}`,
    `settings -> transport:${broker.scheme ?? 'none'} results:${String(backend)}`,
    '',
    ...settings,
    '',
  ].join('\n')
}
