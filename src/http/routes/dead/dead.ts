import type { Context } from 'hono'
import {
  DEATH_REASONS,
  type DeadLetterContentDocument,
  type DeadLetterDocument,
  type DeathDocument,
  type DeathReason,
} from '../../../protocol/deadLetterDocument.ts'
import { ArgumentError, CodecError, NotSupportedError, UnknownJobError } from '../../../std/errors.ts'
import { ADMIN_SCOPE, identityOf, isAdmin } from '../../access/identity.ts'
import { hasRole, onlyOutlines, type Role } from '../../access/roles.ts'
import type { HttpScope } from '../../apiContext.ts'
import { readBody } from '../../input/body.ts'
import { givenOf, inputErrors, inputOfValue, invalidInput } from '../../input/input.ts'
import {
  readQuery,
  requireFlag,
  requireLimit,
  requireMoment,
  requireSearch,
  requireWord,
  wrongParameter,
} from '../../input/query.ts'
import { nextLink, respondDocument } from '../../output/document.ts'
import { type Problem, respondProblem } from '../../output/problem.ts'

type DeadLetters = HttpScope['app']['deadLetters']
type DeadLetterListFilter = NonNullable<Parameters<DeadLetters['list']>[0]>
type DeadLetterSelection = Parameters<DeadLetters['redrive']>[0]
type DeadLetterContent = NonNullable<Awaited<ReturnType<DeadLetters['get']>>>
type DeadLetterInfo = Awaited<ReturnType<DeadLetters['list']>>['letters'][number]
type DeathInfo = DeadLetterInfo['deaths'][number]

const FILTER_READERS = {
  task: requireWord,
  queue: requireWord,
  reason: requireReason,
  error: requireWord,
  since: requireMoment,
  owner: requireWord,
  tag: requireWord,
  q: requireSearch,
}
const LIST_READERS = { ...FILTER_READERS, limit: requireLimit, cursor: requireWord }
const CHANGE_READERS = {
  ...FILTER_READERS,
  all: requireFlag,
  dryRun: requireFlag,
  limit: requireLimit,
  rate: requireWord,
}
const DEFAULT_LIMIT = 50
/** Dead letters that one request changes at most. */
const MAX_CHANGED = 1000

/** `GET /dead` */
export function listLetters(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => list(c, scope))
}

/** `DELETE /dead` */
export function dropLetters(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => change(c, scope, 'drop'))
}

/** `POST /dead/redrive` */
export function redriveLetters(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => change(c, scope, 'redrive'))
}

/** `GET /dead/{id}` */
export function showLetter(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => withLetter(c, scope, async (letter) => respondDocument(contentOf(asSeen(c, scope, letter)))))
}

/** `PATCH /dead/{id}` */
export function editLetter(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => withLetter(c, scope, (letter) => edit(c, scope, letter)))
}

/** `DELETE /dead/{id}` */
export function dropLetter(c: Context, scope: HttpScope): Promise<Response> {
  return answered(c, () => withLetter(c, scope, (letter) => drop(c, scope, letter)))
}

/** `POST /dead/{id}/redrive` */
export function redriveLetter(c: Context, scope: HttpScope): Promise<Response> {
  const one = async ({ id }: DeadLetterInfo): Promise<Response> => respondRedriven(await redrive(scope, { ids: [id] }))
  return answered(c, () => withLetter(c, scope, one))
}

async function list(c: Context, scope: HttpScope): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, LIST_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { limit = DEFAULT_LIMIT, cursor, ...filter } = query.values
  const seen = seenFilter(c, scope, filter, 'viewer')
  if ('kind' in seen) return respondProblem(seen, path)
  const page = await scope.app.deadLetters.list({ ...seen, limit, cursor })
  const headers = nextLink(c, 'dead', page.cursor)
  return respondDocument({ letters: page.letters.map(documentOf), cursor: page.cursor }, { headers })
}

/** Those that fit a filter, or with `all` all that the sender may see. */
async function change(c: Context, scope: HttpScope, doing: 'redrive' | 'drop'): Promise<Response> {
  const { path } = c.req
  const query = readQuery(c.req.url, CHANGE_READERS)
  if (query.kind === 'refused') return respondProblem(query.problem, path)
  const { all, dryRun, limit = MAX_CHANGED, rate, ...filter } = query.values
  if (Object.keys(filter).length === 0 && !all) {
    const names = ['all', ...Object.keys(FILTER_READERS)].join(', ')
    return respondProblem(wrongParameter('filter', `expected one of ${names}, got none of them`), path)
  }
  if (rate !== undefined && doing === 'drop')
    return respondProblem(wrongParameter('rate', 'expected none: nothing is sent'), path)
  const seen = seenFilter(c, scope, filter, doing === 'redrive' ? 'operator' : 'admin')
  if ('kind' in seen) return respondProblem(seen, path)
  const isNamed = Object.values(seen).some((value) => value !== undefined)
  const selection = { ...seen, ...(!isNamed && { all: true }) }
  if (doing === 'redrive') {
    const { signal } = c.req.raw
    return respondRedriven(await redrive(scope, selection, { dryRun, limit, rate, signal }))
  }
  const { ids } = await scope.app.deadLetters.drop(selection, { dryRun, limit })
  return respondDocument({ ids })
}

type Redrive = DeadLetters['redrive']

function redrive({ app }: HttpScope, ...given: Parameters<Redrive>): ReturnType<Redrive> {
  return app.deadLetters.redrive(...given)
}

function respondRedriven({ ids, succeeded, gone }: Awaited<ReturnType<Redrive>>): Response {
  return respondDocument({ ids, succeeded, gone })
}

async function edit(c: Context, scope: HttpScope, { id, task }: DeadLetterInfo): Promise<Response> {
  const { path } = c.req
  if (!isAdmin(c)) return respondProblem({ kind: 'forbidden', detail: `another input needs ${ADMIN_SCOPE}` }, path)
  const body = await readBody(c, scope.maxBody)
  if (body.kind === 'refused') return respondProblem(body.problem, path)
  const value = body.kind === 'value' ? body.value : undefined
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'input')
    return respondProblem(wrong('#', 'expected an object with the member input alone'), path)
  const definition = task === undefined ? undefined : scope.app.tasks.get(task)
  const { input, error } = inputOfValue(definition, (value as { readonly input: unknown }).input)
  if (error) return respondProblem(invalidInput([error]), path)
  try {
    await scope.app.deadLetters.edit(id, givenOf(input))
  } catch (thrown) {
    const errors = inputErrors(thrown, input, definition)
    if (errors) return respondProblem(invalidInput(errors), path)
    if (thrown instanceof NotSupportedError || thrown instanceof CodecError)
      return respondProblem({ kind: 'cannot-change', detail: thrown.message }, path)
    if (thrown instanceof ArgumentError) return respondProblem(wrong('#', thrown.message), path)
    throw thrown
  }
  const changed = await scope.app.deadLetters.get(id, { concealed: true })
  return changed ? respondDocument(contentOf(changed)) : respondProblem(unknown(c), path)
}

async function drop(c: Context, { app }: HttpScope, { id, owner }: DeadLetterInfo): Promise<Response> {
  if (!isAdmin(c) && !isOwn(c, owner))
    return respondProblem({ kind: 'forbidden', detail: `to drop one of others needs ${ADMIN_SCOPE}` }, c.req.path)
  await app.deadLetters.drop({ ids: [id] })
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** With the dead letter of the path, unless there is none, or the sender may not see it: the answer is the same. */
async function withLetter(
  c: Context,
  scope: HttpScope,
  then: (letter: DeadLetterContent) => Promise<Response>,
): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const letter = /^\P{Cc}{1,255}$/u.test(id) ? await scope.app.deadLetters.get(id, { concealed: true }) : undefined
  return letter && maySee(c, scope, letter) ? then(letter) : respondProblem(unknown(c), c.req.path)
}

/** Viewers change none: who may change something and sees one of another is an operator. */
function maySee(c: Context, { exposed }: HttpScope, { task, owner }: DeadLetterInfo): boolean {
  if (isOfAll(c, 'viewer')) return true
  return task !== undefined && exposed.has(task) && (hasRole(c, 'viewer') || isOwn(c, owner))
}

function isOwn(c: Context, owner: string | undefined): boolean {
  return owner !== undefined && owner === identityOf(c)?.id
}

/**
 * The sender has this role, and was authenticated: where everything is open, only jobs of exposed tasks exist for the
 * outside.
 */
function isOfAll(c: Context, role: Role): boolean {
  return identityOf(c) !== undefined && hasRole(c, role)
}

/** Without what it was called with, where a codec seals that and the sender is a viewer. */
function asSeen(c: Context, scope: HttpScope, letter: DeadLetterContent): DeadLetterContent {
  if (!onlyOutlines(c, scope) || isOwn(c, letter.owner)) return letter
  const problem = 'a codec seals what it was called with: that needs the scope operator'
  return { ...letter, args: undefined, kwargs: undefined, body: undefined, problem }
}

/** Those that fit, of all where the sender has this role. */
function seenFilter(
  c: Context,
  { exposed }: HttpScope,
  filter: DeadLetterListFilter,
  role: Role,
): DeadLetterSelection | Problem {
  if (isOfAll(c, role)) return filter
  const own = hasRole(c, role) ? filter.owner : identityOf(c)?.id
  if (filter.owner !== undefined && filter.owner !== own)
    return { kind: 'forbidden', detail: `dead letters of others need ${role}` }
  return { ...filter, owner: own, tasks: [...exposed] }
}

async function answered(c: Context, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer()
  } catch (error) {
    const { path } = c.req
    if (error instanceof NotSupportedError) return respondProblem({ kind: 'cannot-list', detail: error.message }, path)
    if (error instanceof UnknownJobError) return respondProblem(unknown(c), path)
    if (!(error instanceof ArgumentError)) throw error
    const parameter = error.message.includes('rate') ? 'rate' : 'cursor'
    return respondProblem(wrongParameter(parameter, error.message), path)
  }
}

function unknown(c: Context): Problem {
  return { kind: 'not-found', detail: `no dead letter has the id ${JSON.stringify(c.req.param('id'))}` }
}

function wrong(pointer: string, detail: string): Problem {
  return invalidInput([{ pointer, code: 'invalid', detail }])
}

function requireReason(text: string): DeathReason {
  const reason = DEATH_REASONS.find((one) => one === text)
  if (!reason) throw new RangeError(`expected one of ${DEATH_REASONS.join(', ')}`)
  return reason
}

function documentOf({ task, retries, owner, deaths, ...letter }: DeadLetterInfo): DeadLetterDocument {
  const { id, queue, lost, tags, bytes } = letter
  return {
    ...{ id, task, queue, ...deathOf(letter), retries, lost },
    ...{ deaths: deaths.map(deathOf), owner, tags, bytes },
  } as DeadLetterDocument
}

function deathOf({ reason, error, diedAt, worker }: DeathInfo): DeathDocument {
  return { reason, error, diedAt: diedAt.toISOString(), worker }
}

function contentOf(letter: DeadLetterContent): DeadLetterContentDocument {
  const { args, kwargs, problem, body } = letter
  return { ...documentOf(letter), args, kwargs, problem, body } as DeadLetterContentDocument
}
