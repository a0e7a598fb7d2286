import type { App } from '../../app/app.ts'
import { queuesOf } from '../../app/knownQueues.ts'
import type { LimitState, LimitTarget } from '../../app/limits/limits.ts'
import { rateText } from '../../config/taskValues.ts'
import { isHeldBack } from '../../doctor/limits.ts'
import { ArgumentError } from '../../std/errors.ts'
import { columnsText } from '../columns.ts'
import { printable } from '../fleet/printable.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { suggestion } from '../suggest.ts'

export interface LimitChangeOptions extends AppOptions {
  /** Of a task. */
  key?: string
}

export interface LimitsCommandOptions extends AppOptions {
  rule?: string
  paused?: boolean
  limit: number
  json?: boolean
}

/** What a command is about, as its first two arguments say. */
interface Subject<Kind extends string = 'queue' | 'task' | 'limit'> {
  readonly kind: Kind
  readonly name: string
}

/** `celeriac pause` and `celeriac resume`: what is paused already, or not paused, is no error. */
export async function change(
  doing: 'pause' | 'resume',
  subject: Subject,
  { key, ...options }: LimitChangeOptions,
): Promise<void> {
  const target = targetOf(subject, key)
  const { wasPaused, held } = await withApp(options, async (app) => {
    const before = await app.limits.of(target)
    await app.limits[doing](target)
    const after = await app.limits.of(target)
    warnOfUnknown(app, subject, after)
    const now = app.config.clock.now()
    return { wasPaused: before.every(({ paused }) => paused), held: after.find((one) => isHeldBack(one, now)) }
  })
  const isNew = wasPaused !== (doing === 'pause')
  const state = doing === 'pause' ? 'is paused' : 'is not paused'
  const until = held?.until === undefined ? '' : `; it is held back until ${momentText(held.until)}`
  process.stdout.write(`${textOf(subject, key)} ${state}${isNew ? '' : ', as before'}${until}\n`)
}

/** `celeriac hold-back`: nothing of it begins for this time, ms; 0 ends that. */
export async function holdBack(
  subject: Subject<'task' | 'limit'>,
  time: number,
  { key, ...options }: LimitChangeOptions,
): Promise<void> {
  const target = targetOf(subject, key) as Exclude<LimitTarget, { queue: string }>
  const [state] = await withApp(options, async (app) => {
    await app.limits.holdBack(target, time)
    const after = await app.limits.of(target)
    warnOfUnknown(app, subject, after)
    return after.map((one) => ({ ...one, until: one.until ?? app.config.clock.now() + time }))
  })
  const until = state?.until ?? 0
  const text = time === 0 ? 'is not held back' : `is held back until ${momentText(until)}`
  process.stdout.write(`${textOf(subject, key)} ${text}${state?.paused ? ', and is paused' : ''}\n`)
}

/** `celeriac limits`: a table, or JSON. */
export async function limits({ rule, paused, limit, json, ...options }: LimitsCommandOptions): Promise<void> {
  const found = await withApp(options, (app) => app.limits.list({ rule, paused, limit }))
  if (json) process.stdout.write(`${jsonText({ limits: found })}\n`)
  else process.stdout.write(`${found.length === 0 ? 'none' : columnsText([TITLES, ...found.map(cellsOf)])}\n`)
}

/** Throws ArgumentError for a key of what has none. */
function targetOf({ kind, name }: Subject, key: string | undefined): LimitTarget {
  if (kind === 'task') return key === undefined ? { task: name } : { task: name, key }
  if (key !== undefined) throw new ArgumentError(`--key: expected a task, got ${kind} ${name}`)
  return kind === 'queue' ? { queue: name } : { limit: name }
}

function textOf({ kind, name }: Subject, key: string | undefined): string {
  return printable(`${kind} ${name}${key === undefined ? '' : `, key ${key}`}`)
}

/** Only a warning: it may be known elsewhere, or later. */
function warnOfUnknown(app: App, { kind, name }: Subject, states: readonly LimitState[]): void {
  const queues = [...queuesOf(app), ...Object.keys(app.config.queues)]
  const known: readonly string[] = kind === 'limit' ? [] : kind === 'queue' ? queues : [...app.tasks.keys()]
  // Without a module an app knows no task, and no queue but the default one.
  const isUnknown =
    kind === 'limit' ? states.every(({ limit }) => limit === undefined) : app.tasks.size > 0 && !known.includes(name)
  if (!isUnknown) return
  const where = kind === 'limit' ? 'the store knows no such limit' : `the app knows no such ${kind}`
  process.stderr.write(`celeriac: warning: ${printable(`${kind} ${name}: ${where}${suggestion(name, known)}`)}\n`)
}

const TITLES = ['LIMIT', 'KEY', 'HELD', 'RATE', 'WAITING', 'UNTIL', 'PAUSED', 'BREAKER']

function cellsOf(state: LimitState): string[] {
  const { rule, key, limit, held, waiting, until, paused, breaker } = state
  const { rate, concurrency } = limit ?? {}
  const burst = rate && rate.burst > 1 ? `, burst ${rate.burst}` : ''
  return [
    printable(rule),
    key === '' ? '-' : printable(key),
    concurrency === undefined ? String(held) : `${held}/${concurrency}`,
    rate ? `${rateText(rate.interval)}${burst}` : '-',
    String(waiting),
    until === undefined ? '-' : momentText(until),
    paused ? 'paused' : '-',
    breaker ?? '-',
  ]
}

/** UTC, without milliseconds. */
function momentText(ms: number): string {
  return new Date(ms).toISOString().replace(/[.]\d{3}Z$/, 'Z')
}
