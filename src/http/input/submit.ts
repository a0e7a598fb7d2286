import type { Context } from 'hono'
import type { AsyncResult } from '../../calls/asyncResult.ts'
import { type AnyTask, callTask } from '../../calls/task.ts'
import { type CallOptions, MAX_TAG_LENGTH, MAX_TAGS } from '../../config/callOptions.ts'
import { identityOf, isAdmin, mayAll } from '../access/identity.ts'
import type { HttpScope } from '../apiContext.ts'
import type { Problem } from '../output/problem.ts'
import { givenOf, type Input } from './input.ts'
import { requireWord, wrongParameter } from './query.ts'
import { webhookOf, webhookProblem } from './webhook.ts'

/** Tasks by which celeriac itself works. */
const OWN_TASKS = /^celeriac[.]/

/**
 * Why this sender may not call the task; undefined where it may. A task that is not exposed does not exist, but for
 * admins with `any` where the fleet lets them call any task.
 */
export function taskProblem(
  c: Context,
  scope: HttpScope,
  name: string,
  { any = false }: { readonly any?: boolean } = {},
): Problem | undefined {
  const { exposed, scopesOf, fleet } = scope
  if (any && fleet?.anyTask && isAdmin(c) && !OWN_TASKS.test(name)) return webhookProblem(c, scope)
  if (!exposed.has(name)) return { kind: 'unknown-task', detail: `no task ${JSON.stringify(name)} is exposed here` }
  const needed = scopesOf.get(name) ?? []
  const identity = identityOf(c)
  if (needed.length === 0 || (identity && mayAll(identity, needed))) return webhookProblem(c, scope)
  return { kind: 'forbidden', detail: `the task ${name} needs ${needed.join(', ')}` }
}

/** The request has parameters of a call that admins alone may give. */
export function asksForOptions(url: string): boolean {
  return /[?&](?:call|queue|eta|countdown|priority)=/.test(url)
}

/**
 * Options of a call over HTTP: its job always keeps a record, as its client has nothing else to ask for, and always has
 * submission metadata, if only an empty list of tags: some stores list no other jobs.
 */
export function callOptions(c: Context, scope: HttpScope, tags: readonly string[] | undefined): CallOptions {
  const owner = identityOf(c)?.id
  const { keepInput } = scope
  const webhook = webhookOf(c)
  return owner === undefined && tags === undefined && webhook === undefined
    ? openOptions(scope)
    : { ignoreResult: false, keepInput, owner, tags: tags ?? (keepInput ? undefined : NO_TAGS), webhook }
}

/** The same without authentication and without tags. */
export function openOptions({ keepInput }: HttpScope): CallOptions {
  return keepInput ? DEFAULT_CALL_WITH_INPUT : DEFAULT_CALL
}

const NO_TAGS: readonly string[] = []
const DEFAULT_CALL: CallOptions = { ignoreResult: false, tags: NO_TAGS }
const DEFAULT_CALL_WITH_INPUT: CallOptions = { ignoreResult: false, keepInput: true }

/** Submit one call. Throws as `callTask` and `send` do. */
export function send(
  { app }: HttpScope,
  name: string,
  task: AnyTask | undefined,
  input: Input,
  options: CallOptions,
): Promise<AsyncResult> {
  return task ? callTask(task, givenOf(input), options) : app.send(name, input, options)
}

/** The tags of a request, `?tag=a&tag=b`, or the problem with them. */
export function tagsOf(url: string): readonly string[] | Problem | undefined {
  const start = url.indexOf('?')
  if (start === -1) return undefined
  const tags: string[] = []
  for (const [name, text] of new URLSearchParams(url.slice(start))) {
    if (name !== 'tag') return wrongParameter(name, 'unknown parameter; known is tag')
    const wrong = tagProblem(text)
    if (wrong !== undefined) return wrongParameter('tag', wrong)
    tags.push(text)
  }
  return tags.length > MAX_TAGS ? wrongParameter('tag', `expected at most ${MAX_TAGS}`) : tags
}

/** What is wrong with a tag; undefined where nothing is. */
export function tagProblem(tag: string): string | undefined {
  if (tag.length > MAX_TAG_LENGTH) return `expected at most ${MAX_TAG_LENGTH} characters, got ${tag.length}`
  try {
    requireWord(tag)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** True for a problem, where something else may be. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'kind' in value && 'detail' in value
}
