import type { Context } from 'hono'
import type { ScheduleInfo } from '../../beat/info.ts'
import { type Schedules, schedulesOf } from '../../beat/schedules.ts'
import { scheduleFrom } from '../../beat/when/parse.ts'
import type {
  ScheduleDocument,
  ScheduledRunDocument,
  ScheduleMomentsDocument,
  SchedulePage,
} from '../../protocol/scheduleDocument.ts'
import { ArgumentError, ConfigError } from '../../std/errors.ts'
import { codeOf } from '../../std/thrown.ts'
import { hasRole, type Role, roleProblem } from '../access/roles.ts'
import { baseOf, type HttpScope } from '../apiContext.ts'
import { readBody } from '../input/body.ts'
import { headersOf } from '../input/header.ts'
import { invalidInput } from '../input/input.ts'
import {
  type Query,
  type Reader,
  readQuery,
  requireFlag,
  requireLimit,
  requireMoment,
  requireWord,
  wrongParameter,
} from '../input/query.ts'
import { nextLink, respondDocument } from '../output/document.ts'
import { isMatched } from '../output/etag.ts'
import { jobPath } from '../output/job.ts'
import { escapePath } from '../output/path.ts'
import { type Problem, respondProblem } from '../output/problem.ts'
import { type Change, changeOf, newEntryOf } from './scheduleBody.ts'
import { scheduleDocument } from './scheduleView.ts'

const DEFAULT_LIMIT = 50
/** How often a change is tried while others change the entry. */
const MAX_ATTEMPTS = 10
const DEFAULT_MOMENTS = 10
const MOMENT_READERS = {
  schedule: (text: string) => text,
  next: requireLimit,
  start: requireMoment,
  end: requireMoment,
}
const LIST_READERS = { task: requireWord, paused: requireFlag, limit: requireLimit, cursor: parseCursor }

/** `GET /schedules`: the entries by name. For viewers. */
export function list(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'viewer', 'to see schedules', LIST_READERS, async (schedules, query) => {
    const { task, paused, limit = DEFAULT_LIMIT, cursor } = query
    const all = (await schedules.list()).filter(
      (entry) =>
        (task === undefined || entry.task === task) &&
        (paused === undefined || entry.paused === paused) &&
        (cursor === undefined || entry.name > cursor),
    )
    const found = all.slice(0, limit)
    const last = all.length > limit ? found.at(-1) : undefined
    const next = last && Buffer.from(last.name).toString('base64url')
    const page: SchedulePage = {
      schedules: found.map((entry) => documentFor(c, scope, entry)),
      ...(next !== undefined && { cursor: next }),
    }
    return respondDocument(page, { headers: nextLink(c, 'schedules', next) })
  })
}

/** `GET /schedules/{name}`: one entry, with `next` its next moments. For viewers. */
export function show(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'viewer', 'to see schedules', { next: requireLimit }, async (schedules, { next }) => {
    const entry = await schedules.find(nameOf(c))
    if (!entry) return unknown(c)
    const moments = next === undefined ? undefined : await schedules.next(entry.name, next)
    return respondEntry(c, scope, entry, { next: moments })
  })
}

/** `GET /moments`: when an entry with this schedule would be due, without adding one. For viewers. */
export function moments(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'viewer', 'to see schedules', MOMENT_READERS, async (_schedules, query) => {
    const { schedule: text, next = DEFAULT_MOMENTS, start, end = Number.POSITIVE_INFINITY } = query
    const schedule = scheduleOf(text)
    if (typeof schedule === 'string') return wrongParameter('schedule', schedule)
    const now = scope.app.config.clock.now()
    const found: string[] = []
    for (
      let at = schedule.next(new Date(Math.max(now, (start ?? now) - 1)));
      at && at.getTime() <= end && found.length < next;
      at = schedule.next(at)
    )
      found.push(at.toISOString())
    return respondDocument({ when: schedule.describe(), next: found } satisfies ScheduleMomentsDocument)
  })
}

/** The schedule, or what is wrong with its text. */
function scheduleOf(text: string | undefined): ReturnType<typeof scheduleFrom> | string {
  const expected = `expected a schedule as {"kind":"every","interval":"1h"}`
  if (text === undefined) return `${expected}, got nothing`
  try {
    return scheduleFrom(JSON.parse(text))
  } catch (error) {
    if (error instanceof ArgumentError) return error.message
    if (error instanceof SyntaxError) return `${expected}, got no JSON`
    throw error
  }
}

/** `POST /schedules`: add an entry. For admins. */
export function create(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'admin', 'to add a schedule', {}, async (schedules) => {
    const body = await readBody(c, scope.maxBody)
    if (body.kind === 'refused') return body.problem
    const wanted = await newEntryOf(scope, body.kind === 'value' ? body.value : undefined)
    if ('kind' in wanted) return wanted
    const { name, when, call, options } = wanted
    const exists: Problem = { kind: 'schedule-exists', detail: `there is a schedule ${name} already` }
    try {
      if (await schedules.find(name)) return exists
      await schedules.add(name, when, call, options)
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error
      return isName(name) && (await schedules.find(name)) ? exists : invalid(error)
    }
    const entry = await schedules.find(name)
    const location = `${baseOf(c.req.path, 1)}/schedules/${encodeURIComponent(name)}`
    return entry ? respondEntry(c, scope, entry, { status: 201, location }) : removed(name)
  })
}

/** `PATCH /schedules/{name}`: change parts of an entry. For admins. */
export function change(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'admin', 'to change a schedule', {}, async (schedules) => {
    const body = await readBody(c, scope.maxBody)
    if (body.kind === 'refused') return body.problem
    const changeTo = (entry: ScheduleInfo): Promise<Change | Problem> =>
      changeOf(scope, entry, body.kind === 'value' ? body.value : undefined)
    const problem = await conditionally(c, schedules, async (entry) => {
      const wanted = await changeTo(entry)
      if ('kind' in wanted) return wanted
      await schedules.update(entry.name, wanted, { version: entry.version })
      return undefined
    })
    if (problem) return problem
    const entry = await schedules.find(nameOf(c))
    return entry ? respondEntry(c, scope, entry) : removed(nameOf(c))
  })
}

/** `DELETE /schedules/{name}`: remove an entry that no code defines. For admins. */
export function remove(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'admin', 'to remove a schedule', {}, async (schedules) => {
    const problem = await conditionally(c, schedules, async ({ name, source, version }) => {
      if (source === 'code')
        return {
          kind: 'schedule-in-code',
          detail: `the code of the app defines ${name}, and would add it again: pause it, or take it out of the code`,
        }
      await schedules.remove(name, { version })
      return undefined
    })
    return problem ?? new Response(null, { status: 204, headers: NOT_STORED })
  })
}

/** `POST /schedules/{name}/pause`: send no run of it until it is resumed. For operators. */
export function pause(c: Context, scope: HttpScope): Promise<Response> {
  return pauseOrResume(c, scope, 'pause')
}

/** `POST /schedules/{name}/resume`: the end of a pause. For operators. */
export function resume(c: Context, scope: HttpScope): Promise<Response> {
  return pauseOrResume(c, scope, 'resume')
}

function pauseOrResume(c: Context, scope: HttpScope, doing: 'pause' | 'resume'): Promise<Response> {
  return withQuery(c, scope, 'operator', `to ${doing} a schedule`, {}, async (schedules) => {
    const name = nameOf(c)
    if (!(await schedules.find(name))) return unknown(c)
    await schedules[doing](name)
    return new Response(null, { status: 204, headers: NOT_STORED })
  })
}

/** `POST /schedules/{name}/run`: send its task now. For operators. */
export function run(c: Context, scope: HttpScope): Promise<Response> {
  return withQuery(c, scope, 'operator', 'to run a schedule', {}, async (schedules) => {
    const name = nameOf(c)
    if (!(await schedules.find(name))) return unknown(c)
    const { id } = await schedules.runNow(name)
    const self = jobPath(baseOf(c.req.path, 3), id)
    const document: ScheduledRunDocument = { id, links: { self } }
    return respondDocument(document, { status: 202, headers: { location: self } })
  })
}

const NOT_STORED = { 'cache-control': 'no-store' } as const

/** Role, query and stores, and then the answer. */
async function withQuery<Readers extends Record<string, Reader<unknown>>>(
  c: Context,
  { app }: HttpScope,
  role: Role,
  doing: string,
  readers: Readers,
  answer: (
    schedules: Schedules,
    query: Extract<Query<Readers>, { readonly kind: 'values' }>['values'],
  ) => Promise<Response | Problem>,
): Promise<Response> {
  const { path } = c.req
  const barred = roleProblem(c, role, doing)
  if (barred) return respondProblem(barred, path)
  const query = readQuery(c.req.url, readers)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  if (!isName(c.req.param('name') ?? 'none')) return respondProblem(unknown(c), path)
  try {
    const schedules = schedulesOf(app)
    await schedules.store()
    const answered = await answer(schedules, query.values)
    return answered instanceof Response ? answered : respondProblem(answered, path)
  } catch (error) {
    if (error instanceof ConfigError) return respondProblem({ kind: 'cannot-schedule', detail: error.message }, path)
    throw error
  }
}

/**
 * Make a change of the entry as it is, where `If-Match` allows that. A change that another one came before is made
 * again of the new entry.
 */
async function conditionally(
  c: Context,
  schedules: Schedules,
  make: (entry: ScheduleInfo) => Promise<Problem | undefined>,
): Promise<Problem | undefined> {
  const condition = headersOf(c)('if-match')
  for (let attempt = 1; ; attempt++) {
    const entry = await schedules.find(nameOf(c))
    if (!entry) return unknown(c)
    if (condition !== null && !isMatched(condition, etagOf(entry))) return changed(entry)
    try {
      return await make(entry)
    } catch (error) {
      const isConflict = codeOf(error) === 'CONFLICT'
      if (isConflict && attempt < MAX_ATTEMPTS) continue
      if (isConflict) return changed(entry)
      if (!(error instanceof ArgumentError)) throw error
      return (await schedules.find(entry.name)) ? invalid(error) : unknown(c)
    }
  }
}

function changed({ name }: ScheduleInfo): Problem {
  return { kind: 'schedule-changed', detail: `schedule ${name} was changed since: read it again` }
}

/** Another request removed it after this one had changed it. */
function removed(name: string): Problem {
  return { kind: 'unknown-schedule', detail: `schedule ${name} was removed since` }
}

function unknown(c: Context): Problem {
  return { kind: 'unknown-schedule', detail: `there is no schedule ${JSON.stringify(nameOf(c))}` }
}

function invalid({ message }: ArgumentError): Problem {
  return invalidInput([{ pointer: '#', code: 'invalid', detail: message }])
}

function nameOf(c: Context): string {
  return c.req.param('name') ?? ''
}

/** Others are of no entry. */
function isName(name: string): boolean {
  return /^\P{Cc}{1,255}$/u.test(name) && name.isWellFormed()
}

function etagOf({ version }: ScheduleInfo): string {
  return `"${version}"`
}

function documentFor(c: Context, { app }: HttpScope, entry: ScheduleInfo): ScheduleDocument {
  return scheduleDocument(app, entry, { isAdmin: hasRole(c, 'admin') })
}

function respondEntry(
  c: Context,
  scope: HttpScope,
  entry: ScheduleInfo,
  { status = 200, location, next }: { status?: number; location?: string; next?: readonly Date[] | undefined } = {},
): Response {
  const document = documentFor(c, scope, entry)
  return respondDocument(next ? { ...document, next: next.map((moment) => moment.toISOString()) } : document, {
    status,
    headers: { etag: etagOf(entry), ...(location !== undefined && { location: escapePath(location) }) },
  })
}

function parseCursor(text: string): string {
  const name = Buffer.from(text, 'base64url').toString()
  if (name !== '' && Buffer.from(name).toString('base64url') === text) return name
  throw new RangeError('expected the cursor of a page')
}
