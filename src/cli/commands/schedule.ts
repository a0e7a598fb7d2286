import type { ScheduleInfo } from '../../beat/info.ts'
import { type Schedules, schedulesOf } from '../../beat/schedules.ts'
import { ArgumentError } from '../../std/errors.ts'
import { columnsText } from '../columns.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { argumentsOf } from '../values.ts'

export interface ScheduleListOptions extends AppOptions {
  json?: boolean
}

export interface ScheduleNextOptions extends ScheduleListOptions {
  count: number
}

export interface ScheduleAddOptions extends AppOptions {
  cron?: string
  tz?: string
  every?: number
  at?: Date
  kwargs?: string
  queue?: string
  missed?: 'skip' | 'once'
  overlap?: 'allow' | 'skip' | 'queue' | 'cancel'
}

/** `celeriac schedule list`: every entry, and how it stands. */
export async function list(options: ScheduleListOptions): Promise<void> {
  const entries = await withSchedules(options, (schedules) => schedules.list())
  if (options.json) process.stdout.write(`${jsonText(entries)}\n`)
  else process.stdout.write(`${entries.length === 0 ? 'no entries' : tableText(entries)}\n`)
}

/** `celeriac schedule next`: the next times of one entry, or of all together. */
export async function next(name: string | undefined, { json, count, ...options }: ScheduleNextOptions): Promise<void> {
  const times = await withSchedules(options, async (schedules) => {
    const names = name === undefined ? (await schedules.list()).map((entry) => entry.name) : [name]
    const all = await Promise.all(
      names.map(async (one) => (await schedules.next(one, count)).map((time) => ({ name: one, time }))),
    )
    return all
      .flat()
      .sort((a, b) => a.time.getTime() - b.time.getTime())
      .slice(0, count)
  })
  if (json) process.stdout.write(`${jsonText(times)}\n`)
  else process.stdout.write(`${times.length === 0 ? 'never' : times.map((one) => lineOf(one, name)).join('\n')}\n`)
}

/** `celeriac schedule run`: send its task now; prints the id. */
export async function run(name: string, options: AppOptions): Promise<void> {
  const { id } = await withSchedules(options, (schedules) => schedules.runNow(name))
  process.stdout.write(`${id}\n`)
}

/** `celeriac schedule pause`, `resume` and `remove`. */
export async function change(doing: 'pause' | 'resume' | 'remove', name: string, options: AppOptions): Promise<void> {
  const told = await withSchedules(options, async (schedules) => {
    await schedules[doing](name)
    if (doing === 'pause') return ''
    if (doing === 'remove') {
      const ofCode = (await schedules.list()).some((entry) => entry.name === name)
      return ofCode ? '; the code defines it: the next start of a beat adds it again' : ''
    }
    const { nextRunAt } = await schedules.get(name)
    return nextRunAt ? `; next: ${momentText(nextRunAt)}` : '; it is never due again'
  })
  process.stdout.write(`${DONE[doing]} ${name}${told}\n`)
}

/** `celeriac schedule add`: an entry that stays until it is removed. */
export async function add(
  name: string,
  task: string,
  args: readonly string[],
  options: ScheduleAddOptions,
): Promise<void> {
  const given = argumentsOf(args, options.kwargs)
  const when = await whenOf(options)
  const { queue, missed, overlap } = options
  await withSchedules(options, async (schedules) => {
    const call = { task, ...given, options: queue === undefined ? {} : { queue } }
    await schedules.add(name, when, call, { ...(missed && { missed }), ...(overlap && { overlap }) })
    const { nextRunAt } = await schedules.get(name)
    process.stdout.write(`added ${name}${nextRunAt ? `; next: ${momentText(nextRunAt)}` : '; it is never due'}\n`)
  })
}

const DONE = { pause: 'paused', resume: 'resumed', remove: 'removed' } as const

function withSchedules<Result>(options: AppOptions, use: (schedules: Schedules) => Promise<Result>): Promise<Result> {
  return withApp(options, (app) => use(schedulesOf(app)))
}

async function whenOf({ cron, tz, every, at }: ScheduleAddOptions): Promise<Parameters<Schedules['add']>[1]> {
  const given = [cron, every, at].filter((one) => one !== undefined).length
  if (given !== 1)
    throw new ArgumentError(`schedule add: expected one of --cron, --every and --at, got ${given || 'none'}`)
  if (tz !== undefined && cron === undefined) throw new ArgumentError('schedule add: --tz goes with --cron')
  if (cron !== undefined) {
    const { cron: parse } = await import('../../beat/when/cron.ts')
    return parse(cron, tz === undefined ? {} : { tz })
  }
  if (every !== undefined) return (await import('../../beat/when/every.ts')).every(every)
  return (await import('../../beat/when/at.ts')).at(at as Date)
}

function tableText(entries: readonly ScheduleInfo[]): string {
  return columnsText([
    ['NAME', 'WHEN', 'TASK', 'NEXT', 'LAST', 'RUNS'],
    ...entries.map(({ name, when, task, nextRunAt, lastRunAt, paused, runs }) => [
      name,
      when,
      task,
      paused ? 'paused' : nextRunAt ? momentText(nextRunAt) : 'never',
      lastRunAt ? momentText(lastRunAt) : '-',
      String(runs),
    ]),
  ])
}

function lineOf({ name, time }: { name: string; time: Date }, only: string | undefined): string {
  return only === undefined ? `${momentText(time)}  ${name}` : momentText(time)
}

/** UTC, without milliseconds where there are none. */
function momentText(moment: Date): string {
  return moment.toISOString().replace('.000Z', 'Z')
}
