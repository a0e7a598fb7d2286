import type { Context } from 'hono'
import type { CallOptions } from '../../config/callOptions.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { Kwargs } from '../../tasks/bind.ts'
import { ADMIN_SCOPE, isAdmin } from '../access/identity.ts'
import type { HttpScope } from '../apiContext.ts'
import type { Body } from '../input/body.ts'
import { type Input, invalidInput } from '../input/input.ts'
import { readQuery, requireFlag, requireMoment, requireWhole, requireWord, wrongParameter } from '../input/query.ts'
import { tagsOf } from '../input/submit.ts'
import type { Problem } from '../output/problem.ts'
import { AUDIT_UNAVAILABLE, auditThis } from './audit/audit.ts'
import { auditorOf } from './audit/auditor.ts'

const MAX_PRIORITY = 255
const READERS = {
  call: requireFlag,
  queue: requireWord,
  eta: requireMoment,
  countdown: requireSeconds,
  priority: requireWhole(MAX_PRIORITY, 0),
}

/** A call of any task, or one with options, which admins alone may make. */
export interface AnyCall {
  readonly tags: readonly string[] | undefined
  readonly options: CallOptions
  /** The body is `{ args, kwargs }`. */
  readonly isCall: boolean
}

/** How an admin calls a task where it may call any; a problem for others. Such a call is in the audit log. */
export async function anyCallOf(c: Context, { app, exposed }: HttpScope, name: string): Promise<AnyCall | Problem> {
  if (!isAdmin(c)) {
    if (!exposed.has(name)) return { kind: 'unknown-task', detail: `no task ${JSON.stringify(name)} is exposed here` }
    return { kind: 'forbidden', detail: `${Object.keys(READERS).join(', ')} need the scope ${ADMIN_SCOPE}` }
  }
  auditThis(c)
  if (!(await auditorOf(app).ready())) return AUDIT_UNAVAILABLE
  const url = new URL(c.req.url)
  const given = [...url.searchParams]
  const only = (isTag: boolean): string =>
    `?${new URLSearchParams(given.filter(([parameter]) => (parameter === 'tag') === isTag))}`
  const tags = tagsOf(only(true))
  if (tags && 'kind' in tags) return tags
  const query = readQuery(only(false), READERS)
  if (query.kind === 'refused') return query.problem
  const { call = false, queue, eta, countdown, priority } = query.values
  if (eta !== undefined && countdown !== undefined) return wrongParameter('countdown', 'expected none beside eta')
  return {
    tags: tags && tags.length > 0 ? tags : undefined,
    options: {
      ...(queue !== undefined && { queue }),
      ...(eta !== undefined && { eta: new Date(eta) }),
      ...(countdown !== undefined && { countdown: countdown * 1000 }),
      ...(priority !== undefined && { priority }),
    },
    isCall: call,
  }
}

/** The body `{ args, kwargs }` of a call. */
export function callInput(body: Exclude<Body, { kind: 'refused' }>): { input: Input; kwargs?: Kwargs } | Problem {
  const value = body.kind === 'none' ? {} : body.kind === 'value' ? body.value : undefined
  const wrong = (pointer: string, expected: string): Problem =>
    invalidInput([{ pointer, code: 'invalid', detail: `expected ${expected}` }])
  if (!isRecord(value)) return wrong('#', 'an object with args and kwargs')
  const unknown = Object.keys(value).find((member) => member !== 'args' && member !== 'kwargs')
  if (unknown !== undefined) return wrong('#', `args and kwargs alone, got ${JSON.stringify(unknown)}`)
  const { args = [], kwargs = {} } = value
  if (!Array.isArray(args)) return wrong('#/args', 'an array')
  if (!isRecord(kwargs)) return wrong('#/kwargs', 'an object')
  if (args.length === 0 && Object.keys(kwargs).length > 0) return { input: kwargs }
  return Object.keys(kwargs).length > 0 ? { input: args, kwargs } : { input: args }
}

function requireSeconds(text: string): number {
  const seconds = /^\d{1,9}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(seconds)) throw new RangeError('expected seconds, from 0 to 999999999')
  return seconds
}
