import type { Context } from 'hono'
import { scheduleFrom } from '../../beat/when/parse.ts'
import type { Schedule } from '../../beat/when/schedule.ts'
import type { ScheduleMomentsDocument } from '../../protocol/scheduleDocument.ts'
import { ArgumentError } from '../../std/errors.ts'
import { roleProblem } from '../access/roles.ts'
import type { HttpScope } from '../apiContext.ts'
import { readQuery, requireLimit, requireMoment, wrongParameter } from '../input/query.ts'
import { respondDocument } from '../output/document.ts'
import { respondProblem } from '../output/problem.ts'

const DEFAULT_NEXT = 10
const READERS = { schedule: (text: string) => text, next: requireLimit, start: requireMoment, end: requireMoment }

/** `GET /moments`: when an entry with this schedule would be due, without adding one. For viewers. */
export function listMoments(c: Context, { app }: HttpScope): Response {
  const { path } = c.req
  const barred = roleProblem(c, 'viewer', 'to see schedules')
  if (barred) return respondProblem(barred, path)
  const query = readQuery(c.req.url, READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { schedule: text, next = DEFAULT_NEXT, start, end = Number.POSITIVE_INFINITY } = query.values
  const read = scheduleOf(text)
  if (typeof read === 'string') return respondProblem(wrongParameter('schedule', read), path)
  const now = app.config.clock.now()
  const moments = momentsOf(read, Math.max(now, (start ?? now) - 1), end, next)
  return respondDocument({ when: read.describe(), next: moments } satisfies ScheduleMomentsDocument)
}

/** What is wrong with it, as a text. */
function scheduleOf(text: string | undefined): Schedule | string {
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

function momentsOf(schedule: Schedule, after: number, end: number, count: number): readonly string[] {
  const found: string[] = []
  for (
    let at = schedule.next(new Date(after));
    at && at.getTime() <= end && found.length < count;
    at = schedule.next(at)
  )
    found.push(at.toISOString())
  return found
}
