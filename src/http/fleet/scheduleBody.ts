import type { ScheduleInfo } from '../../beat/info.ts'
import type { ScheduleChanges, Schedules } from '../../beat/schedules.ts'
import { scheduleFrom } from '../../beat/when/parse.ts'
import { ArgumentError, ValidationError } from '../../std/errors.ts'
import { isRecord } from '../../std/isRecord.ts'
import { bindCall, checkArguments, type Given } from '../../tasks/bind.ts'
import type { HttpScope } from '../apiContext.ts'
import { givenOf, type Input, inputErrors, inputOfValue, invalidInput } from '../input/input.ts'
import { requireMoment } from '../input/query.ts'
import type { InputError, Problem } from '../output/problem.ts'

type Adding = Parameters<Schedules['add']>

/** What `Schedules.add` takes. */
export interface NewEntry {
  readonly name: string
  readonly when: Adding[1]
  readonly call: Adding[2]
  readonly options: NonNullable<Adding[3]>
}

/** What `Schedules.update` takes. */
export type Change = ScheduleChanges

const CHANGES = [
  'schedule',
  'task',
  'input',
  'args',
  'kwargs',
  'options',
  'missed',
  'overlap',
  'jitter',
  'start',
  'end',
]
/** Options of calls that a client may set: none that names a URL, or another call. */
const CALL_OPTIONS = [
  ...['queue', 'exchange', 'routingKey', 'priority', 'countdown', 'expires', 'deadline', 'retry', 'timeLimit'],
  ...[
    'softTimeLimit',
    'ignoreResult',
    'resultExpires',
    'serializer',
    'headers',
    'stamps',
    'tags',
    'owner',
    'keepInput',
  ],
]

/** The document of a new entry, checked: also its arguments, by the schema of the task. */
export async function newEntryOf(scope: HttpScope, value: unknown): Promise<NewEntry | Problem> {
  return reading(async () => {
    const body = membersOf(value, ['name', 'paused', ...CHANGES])
    const { name, schedule, task, paused } = body
    if (typeof name !== 'string') throw new BodyError('#/name', name, 'a text')
    if (schedule === undefined)
      throw new BodyError('#/schedule', schedule, "a schedule as { kind: 'every', interval: '1h' }")
    if (typeof task !== 'string') throw new BodyError('#/task', task, 'the name of a task')
    if (paused !== undefined && typeof paused !== 'boolean') throw new BodyError('#/paused', paused, 'true or false')
    const call = { task, ...(await givenIn(scope, task, body)), options: callOptionsOf(body.options ?? {}) }
    const options = { ...behaviourOf(body), ...(paused !== undefined && { paused }) }
    return { name, when: whenOf(schedule), call, options }
  })
}

/** The document of a change of this entry, checked. */
export async function changeOf(scope: HttpScope, entry: ScheduleInfo, value: unknown): Promise<Change | Problem> {
  return reading(async () => {
    const body = membersOf(value, CHANGES)
    if (Object.keys(body).length === 0) throw new BodyError('#', value, `an object with one of ${CHANGES.join(', ')}`)
    const behaviour = behaviourOf(body)
    return {
      ...(body.schedule !== undefined && { when: whenOf(body.schedule) }),
      ...(CALL_MEMBERS.some((name) => name in body) && { call: await callOf(scope, entry, body) }),
      ...(Object.keys(behaviour).length > 0 && { options: behaviour }),
    }
  })
}

const CALL_MEMBERS = ['task', 'input', 'args', 'kwargs', 'options']

/** The new call of an entry: what the document leaves out stays as it is. */
async function callOf(scope: HttpScope, entry: ScheduleInfo, body: Body): Promise<NonNullable<Change['call']>> {
  const { task = entry.task } = body
  if (typeof task !== 'string') throw new BodyError('#/task', task, 'the name of a task')
  const { kwargs, ...before } = entry.options
  const options = body.options === undefined ? before : callOptionsOf(body.options)
  const isNew = 'input' in body || 'args' in body || 'kwargs' in body
  if (isNew || task !== entry.task) return { task, ...(await givenIn(scope, task, body)), options }
  return { task, args: entry.args, kwargs, options }
}

/** What is wrong with a document: where, and what was expected. */
class BodyError extends Error {
  readonly error: InputError

  constructor(pointer: string, got: unknown, expected: string) {
    const kind = got === null ? 'null' : Array.isArray(got) ? 'an array' : typeof got
    const detail = `expected ${expected}, got ${got === undefined ? 'nothing' : kind}`
    super(detail)
    this.error = { pointer, code: got === undefined ? 'required' : 'type', detail }
  }
}

/** The problem in place of what was read. */
async function reading<Value>(read: () => Promise<Value>): Promise<Value | Problem> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof BodyError) return invalidInput([error.error])
    if (error instanceof InputProblem) return error.problem
    if (error instanceof ArgumentError) return invalidInput([{ pointer: '#', code: 'invalid', detail: error.message }])
    throw error
  }
}

class InputProblem extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

type Body = Readonly<Record<string, unknown>>

function membersOf(value: unknown, known: readonly string[]): Body {
  if (!isRecord(value)) throw new BodyError('#', value, 'an object')
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  if (unknown === undefined) return value
  throw new ArgumentError(`unknown member ${JSON.stringify(unknown)}; known are ${known.join(', ')}`)
}

function whenOf(schedule: unknown): Adding[1] {
  try {
    return scheduleFrom(schedule)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    throw new InputProblem(invalidInput([{ pointer: '#/schedule', code: 'invalid', detail: error.message }]))
  }
}

/** How an entry behaves; null is the default. */
function behaviourOf(body: Body): Omit<NonNullable<Adding[3]>, 'paused'> {
  const names = ['missed', 'overlap', 'jitter', 'start', 'end'].filter((name) => name in body)
  return Object.fromEntries(names.map((name) => [name, behaviourValue(name, body[name])]))
}

function behaviourValue(name: string, value: unknown): unknown {
  if (value === null) return undefined
  if (name !== 'start' && name !== 'end') return value
  if (typeof value !== 'string') throw new BodyError(`#/${name}`, value, 'a moment in ISO 8601')
  try {
    return new Date(requireMoment(value))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new InputProblem(invalidInput([{ pointer: `#/${name}`, code: 'invalid', detail: error.message }]))
  }
}

function callOptionsOf(options: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(options)) throw new BodyError('#/options', options, 'an object')
  const unknown = Object.keys(options).find((name) => !CALL_OPTIONS.includes(name))
  if (unknown === undefined) return options
  throw new ArgumentError(`options: unknown option ${JSON.stringify(unknown)}; known are ${CALL_OPTIONS.join(', ')}`)
}

/** The arguments of a document, checked as those of `POST /tasks/{name}`. */
async function givenIn(scope: HttpScope, name: string, body: Body): Promise<Given> {
  const { exposed, fleet, app } = scope
  if (!exposed.has(name) && !fleet?.anyTask)
    throw new InputProblem({ kind: 'unknown-task', detail: `no task ${JSON.stringify(name)} is exposed here` })
  const task = app.tasks.get(name)
  const { place, input, given } = argumentsIn(scope, name, body)
  if (!task) return given
  try {
    await checkArguments(task.definition, bindCall(task.definition, given))
    return given
  } catch (error) {
    const errors = error instanceof ValidationError ? inputErrors(error, input, task) : undefined
    if (!errors) throw error
    throw new InputProblem(invalidInput(errors.map((one) => ({ ...one, pointer: `${place}${one.pointer.slice(1)}` }))))
  }
}

/** `place`: where in the document they are. */
function argumentsIn(
  { app }: HttpScope,
  name: string,
  body: Body,
): { readonly place: string; readonly input: Input; readonly given: Given } {
  const { input: value, args = [], kwargs = {} } = body
  if (value !== undefined) {
    if ('args' in body || 'kwargs' in body) throw new ArgumentError('expected input, or args and kwargs, got both')
    const { input, error } = inputOfValue(app.tasks.get(name), value)
    if (error) throw new InputProblem(invalidInput([{ ...error, pointer: '#/input' }]))
    return { place: '#/input', input, given: givenOf(input) }
  }
  if (!Array.isArray(args)) throw new BodyError('#/args', args, 'an array')
  if (!isRecord(kwargs)) throw new BodyError('#/kwargs', kwargs, 'an object')
  const place = args.length > 0 ? '#/args' : '#/kwargs'
  return { place, input: args.length > 0 ? args : kwargs, given: { args, kwargs } }
}
