import type { App } from '../app/app.ts'
import { ArgumentError, UnknownJobError } from '../std/errors.ts'
import { printable } from './fleet/printable.ts'
import { clipped } from './jobFilter.ts'
import { jsonText } from './json.ts'
import { type AppOptions, withApp } from './loadApp.ts'
import { argumentsOf, jsonValue } from './values.ts'

type DeadLetterSelection = Parameters<App['deadLetters']['redrive']>[0]

export interface DeadFilterOptions extends AppOptions {
  task?: string
  queue?: string
  reason?: string
  error?: string
  since?: Date | number
  owner?: string
  tag?: string
  search?: string
  json?: boolean
}

export interface DeadListOptions extends DeadFilterOptions {
  limit: number
  cursor?: string
}

export interface DeadChangeOptions extends DeadFilterOptions {
  all?: boolean
  rate?: string
  dryRun?: boolean
  limit?: number
}

type Page = Awaited<ReturnType<App['deadLetters']['list']>>
type Letter = Page['letters'][number]

/** `celeriac dead list`. */
export async function list({ limit, cursor, json, ...options }: DeadListOptions): Promise<void> {
  const page = await withApp(options, (app) => listed(app, filterOf(app, options), limit, cursor))
  const { letters, cursor: next } = page
  const lines = [...letters.map(lineOf), ...(next === undefined ? [] : [`more: go on with --cursor ${next}`])]
  process.stdout.write(json ? `${jsonText(page)}\n` : lines.map((line) => `${line}\n`).join(''))
}

/** One page, however far back its dead letters are: a page of the store may be short. */
async function listed(app: App, filter: DeadLetterSelection, limit: number, from?: string): Promise<Page> {
  const letters: Letter[] = []
  let cursor = from
  do {
    const page = await app.deadLetters.list({ ...filter, limit: limit - letters.length, cursor })
    letters.push(...page.letters)
    cursor = page.cursor
  } while (cursor !== undefined && letters.length < limit)
  return { letters, cursor }
}

/** `celeriac dead show`. Rejects with UnknownJobError. */
export async function show(id: string, { json, ...options }: AppOptions & { json?: boolean }): Promise<void> {
  const letter = await withApp(options, (app) => app.deadLetters.get(id, { concealed: true }))
  if (!letter) throw new UnknownJobError(id, 'no dead letter has this id')
  if (json) {
    process.stdout.write(`${jsonText(letter)}\n`)
    return
  }
  const { task, queue, retries, lost, owner, tags, bytes, args, kwargs, problem, body, deaths } = letter
  const death = ({ diedAt, reason, worker, error }: Letter['deaths'][number]): string =>
    `${diedAt.toISOString()}  ${reason} on ${printable(worker)}: ${printable(`${error.type}: ${error.message}`)}`
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['id', printable(id)],
    ['task', task && printable(task)],
    ['queue', printable(queue)],
    ['died', death(letter)],
    ...deaths.toReversed().map((one) => ['before', death(one)] as const),
    ['retries', retries === undefined ? undefined : `${retries}`],
    ['lost runs', lost > 0 ? `${lost}` : undefined],
    ['owner', owner && printable(owner)],
    ['tags', tags.length > 0 ? tags.map(printable).join(', ') : undefined],
    ['args', args && jsonText(args)],
    ['kwargs', kwargs && Object.keys(kwargs).length > 0 ? jsonText(kwargs) : undefined],
    ['unreadable', problem && printable(problem)],
    ['body', body === undefined ? undefined : `${bytes} bytes: ${printable(body)}`],
  ]
  const lines = rows.flatMap(([name, value]) => (value === undefined ? [] : [`${`${name}:`.padEnd(12)}${value}\n`]))
  process.stdout.write(lines.join(''))
}

/** `celeriac dead edit`. */
export async function edit(
  id: string,
  { args, kwargs, ...options }: AppOptions & { args?: string; kwargs?: string },
): Promise<void> {
  const positional = args === undefined ? undefined : jsonValue(args, '--args')
  if (positional !== undefined && !Array.isArray(positional))
    throw new ArgumentError(`--args: expected a JSON array, got ${args}`)
  const given = { args: positional, ...(kwargs !== undefined && { kwargs: argumentsOf([], kwargs).kwargs }) }
  await withApp(options, (app) => app.deadLetters.edit(id, given))
  process.stdout.write(`${printable(id)} changed\n`)
}

/** `celeriac dead redrive`. An interrupt ends it: what was sent until then is printed. */
export async function redrive(given: readonly string[], options: DeadChangeOptions): Promise<void> {
  const { rate, dryRun, limit, json } = options
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  const report = await withApp(options, (app) =>
    app.deadLetters.redrive(selectionOf('redrive', app, given, options), { rate, dryRun, limit, signal: stop.signal }),
  ).finally(() => process.off('SIGINT', interrupt))
  const { ids, succeeded, gone, queued } = report
  const lines = [
    ...(dryRun ? ids.map(printable) : []),
    `${ids.length + queued} ${dryRun ? 'would be sent again' : 'sent again'}`,
    ...(succeeded.length > 0 ? [`${succeeded.length} not sent, as they have succeeded meanwhile`] : []),
    ...(gone.length > 0 ? [`${gone.length} not found`] : []),
  ]
  process.stdout.write(`${json ? jsonText(report) : lines.join('\n')}\n`)
}

/** `celeriac dead drop`. */
export async function drop(given: readonly string[], options: DeadChangeOptions): Promise<void> {
  const { dryRun, limit, json } = options
  const report = await withApp(options, (app) =>
    app.deadLetters.drop(selectionOf('drop', app, given, options), { dryRun, limit }),
  )
  const { ids, queued } = report
  const lines = [
    ...(dryRun ? ids.map(printable) : []),
    `${ids.length + queued} ${dryRun ? 'would be dropped' : 'dropped'}`,
  ]
  process.stdout.write(`${json ? jsonText(report) : lines.join('\n')}\n`)
}

function selectionOf(
  command: string,
  app: App,
  given: readonly string[],
  { all, ...options }: DeadChangeOptions,
): DeadLetterSelection {
  const filter = filterOf(app, options)
  const ids = given.length > 0 ? given : undefined
  if (!ids && !all && Object.values(filter).every((value) => value === undefined))
    throw new ArgumentError(
      `dead ${command}: expected ids, or --task, --queue, --reason, --error, --since, --owner, --tag, --search, or --all`,
    )
  return { ...filter, ids, all }
}

function filterOf(app: App, options: DeadFilterOptions): DeadLetterSelection {
  const { task, queue, reason, error, since, owner, tag, search: q } = options
  const from = typeof since === 'number' ? app.config.clock.now() - since : since?.getTime()
  return { task, queue, reason: reason as DeadLetterSelection['reason'], error, since: from, owner, tag, q }
}

/** In about 120 columns: id, when it died, why, its task, and the error. */
function lineOf({ id, diedAt, reason, task, error }: Letter): string {
  const died = diedAt.toISOString().slice(5, 16).replace('T', ' ')
  const words = clipped(printable(`${error.type}: ${error.message}`), 60)
  return `${printable(id).padEnd(36)} ${died} ${reason.padEnd(11)} ${clipped(printable(task ?? '?'), 20).padEnd(20)} ${words}`
}
