import type { App } from '../../app/app.ts'
import type { ScheduleInfo } from '../../beat/info.ts'
import type { ScheduleDocument } from '../../protocol/scheduleDocument.ts'
import { concealedOf, shownCall } from '../../tasks/bind.ts'

/** Options of the calls that may hold a secret: admins alone see them. */
const PRIVATE_OPTIONS: ReadonlySet<string> = new Set(['headers', 'stamps', 'webhook', 'link', 'linkError'])

/** An entry as the API shows it. `isAdmin`: to an admin. */
export function scheduleDocument(app: App, entry: ScheduleInfo, { isAdmin }: { isAdmin: boolean }): ScheduleDocument {
  const { name, when, schedule, task, missed, overlap, jitter, start, end, source, paused } = entry
  const { nextRunAt, lastRunAt, lastId, waiting, runs, version } = entry
  const late = nextRunAt === undefined ? 0 : app.config.clock.now() - nextRunAt.getTime()
  return {
    ...{ name, when, schedule, task, ...argumentsFor(app, entry, isAdmin) },
    options: optionsFor(entry, isAdmin),
    ...{ missed, overlap, jitter },
    ...(start && { start: start.toISOString() }),
    ...(end && { end: end.toISOString() }),
    ...{ source, paused },
    ...(nextRunAt && { nextRunAt: nextRunAt.toISOString() }),
    ...(late > 0 && { late }),
    ...(lastRunAt && { lastRunAt: lastRunAt.toISOString() }),
    ...(lastId !== undefined && { lastJob: lastId }),
    ...{ waiting, runs, version },
  }
}

/** A task that is not defined here may call something sensitive: then admins alone see its arguments. */
function argumentsFor(
  app: App,
  { task, args, options }: ScheduleInfo,
  isAdmin: boolean,
): Pick<ScheduleDocument, 'args' | 'kwargs' | 'concealed'> {
  const definition = app.tasks.get(task)?.definition
  const what = concealedOf(app.config, definition)
  if (what === 'all' || (!definition && !isAdmin)) return { concealed: true }
  const own = Array.isArray(args) ? {} : (args as Readonly<Record<string, unknown>>)
  const given = { args: Array.isArray(args) ? args : [], kwargs: { ...own, ...options.kwargs } }
  return shownCall(given, what, definition) as Pick<ScheduleDocument, 'args' | 'kwargs'>
}

function optionsFor({ options }: ScheduleInfo, isAdmin: boolean): Readonly<Record<string, unknown>> {
  const { kwargs: _, ...rest } = options
  return isAdmin ? rest : Object.fromEntries(Object.entries(rest).filter(([name]) => !PRIVATE_OPTIONS.has(name)))
}
