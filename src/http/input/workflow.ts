import type { Context } from 'hono'
import { chainData, chordData, groupData, taskData } from '../../protocol/canvas.ts'
import { memberOnError, onErrorOf, withOnError } from '../../protocol/onError.ts'
import type { SignatureData } from '../../protocol/signature.ts'
import { type Stamps, withStamps } from '../../protocol/stamps.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { HttpScope } from '../apiContext.ts'
import { taskProblem } from './submit.ts'
import type { WorkflowCall } from './workflowCalls.ts'
import { type PolicyPlace, type ReadOptions, readWorkflowOptions } from './workflowOptions.ts'
import { type DocumentPlace, placeIn, refusal, WorkflowRefusal } from './workflowRefusal.ts'
import { readStamps } from './workflowStamps.ts'

/*
 * A workflow from outside: the plain data of `JSON.stringify(workflow)`, which is Celery's. Everything that may be in
 * it is named here and built again; all else is refused. So nothing runs that was not looked at.
 */

/** A workflow that may be sent, and the calls in it whose arguments are to be checked. */
export interface ReadWorkflow {
  readonly data: SignatureData
  readonly calls: readonly WorkflowCall[]
}

const SIGNATURE_KEYS: ReadonlySet<string> = new Set([
  'task',
  'args',
  'kwargs',
  'options',
  'subtask_type',
  'immutable',
  // Celery writes it, null or a number, and reads it nowhere.
  'chord_size',
])
type Canvas = 'chain' | 'group' | 'chord'
const CANVAS: ReadonlyMap<string, Canvas> = new Map([
  ['celery.chain', 'chain'],
  ['celery.group', 'group'],
  ['celery.chord', 'chord'],
])
const CANVAS_KEYS: Readonly<Record<Canvas, readonly string[]>> = {
  chain: ['tasks'],
  group: ['tasks'],
  chord: ['header', 'body', 'kwargs'],
}
/** Tasks that call another on many values, and the arguments that each takes. */
export const MAPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['celery.map', ['task', 'it']],
  ['celery.starmap', ['task', 'it']],
  ['celery.chunks', ['task', 'it', 'n']],
])
/** Names of tasks that are part of Celery or of this library. */
const RESERVED = /^(?:celery|celeriac)\./

/** Read a document. Throws WorkflowRefusal for what may not be sent by this client, with its place. */
export function readWorkflow(c: Context, scope: HttpScope, value: unknown): ReadWorkflow {
  const reader = new WorkflowReader((task) => taskProblem(c, scope, task), scope)
  const data = reader.read(
    value,
    { path: '', pointer: [] },
    { depth: 0, preceded: false, gathers: false, followed: false, member: false, stamps: {} },
  )
  return { data, calls: reader.calls }
}

interface Fields {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  readonly immutable: boolean
}

interface Around {
  readonly depth: number
  /** It gets the result of what is before it as its first argument. */
  readonly preceded: boolean
  /** It gets the results of a group: the body of a chord, or the step after a group. */
  readonly gathers: boolean
  /** Something gets its results: a step after it, or the body of the chord whose header it is. */
  readonly followed: boolean
  /** Its end is a part of a chord. */
  readonly member: boolean
  /** Of the workflows around it. */
  readonly stamps: Stamps
}

class WorkflowReader {
  readonly calls: WorkflowCall[] = []
  readonly #problemOf: (task: string) => ReturnType<typeof taskProblem>
  readonly #limits: HttpScope['workflows']
  #tasks = 0

  constructor(problemOf: (task: string) => ReturnType<typeof taskProblem>, { workflows }: HttpScope) {
    this.#problemOf = problemOf
    this.#limits = workflows
  }

  /** `at`: the place of the signature; for people its kind, or its task, is appended at the top. */
  read(value: unknown, at: DocumentPlace, around: Around): SignatureData {
    const fields = fieldsOf(value, at)
    const { task } = fields
    const kind = CANVAS.get(task)
    const own = kind ?? task
    const place = kind === undefined && at.path !== '' ? at : placeIn(at, [], at.path === '' ? own : `.${own}`)
    if (around.depth > this.#limits.maxDepth)
      throw refusal(place, `expected at most ${this.#limits.maxDepth} workflows and links in each other`)
    if (kind) return this.#canvas(kind, fields, place, around)
    if (MAPS.has(task)) return this.#map(fields, place, around)
    return this.#task(fields, place, around)
  }

  #canvas(kind: Canvas, fields: Fields, place: DocumentPlace, around: Around): SignatureData {
    const { args, kwargs, immutable } = fields
    if (args.length > 0)
      throw refusal(placeIn(place, ['args']), 'expected none: a workflow has only those of its tasks')
    if (immutable)
      throw refusal(placeIn(place, ['immutable']), 'expected false: a workflow as a whole cannot be immutable')
    refuseUnknownKeys(kwargs, CANVAS_KEYS[kind], placeIn(place, ['kwargs']))
    const stamps = readStamps(fields.options, placeIn(place, ['options']), around.stamps)
    const inner: Around = { ...around, depth: around.depth + 1, gathers: false, followed: false, member: false, stamps }
    const takesPolicy = kind === 'chord' || around.gathers || (kind === 'group' && around.followed)
    const read = this.#options(fields, place, { ...around, stamps }, { chord: takesPolicy, member: false })
    const { followed, member } = around
    if (kind === 'chord') return this.#chord(kwargs, read, place, { ...inner, followed, member })
    const options = withOnError(read.options, read.onError)
    const steps = listAt(kwargs.tasks, placeIn(place, ['kwargs', 'tasks']))
    const isChain = kind === 'chain'
    const parts = steps.map((step, index) =>
      this.read(step, placeIn(place, ['kwargs', 'tasks', index], `[${index}]`), {
        ...inner,
        preceded: around.preceded || (isChain && index > 0),
        gathers: isChain && endsInGroup(steps[index - 1]),
        followed: isChain && (followed || index < steps.length - 1),
        member: isChain ? member && index === steps.length - 1 : followed || member,
      }),
    )
    return isChain ? chainData(parts, options) : groupData(parts, options)
  }

  #chord(
    kwargs: Fields['kwargs'],
    { options, onError }: ReadOptions,
    place: DocumentPlace,
    inner: Around,
  ): SignatureData {
    const { header, body, kwargs: more = {} } = kwargs
    if (!isRecord(more) || Object.keys(more).length > 0)
      throw refusal(placeIn(place, ['kwargs', 'kwargs']), 'expected an empty object')
    const headerPlace = placeIn(place, ['kwargs', 'header'])
    const members = Array.isArray(header)
      ? listAt(header, headerPlace).map((member, index) =>
          this.read(member, placeIn(headerPlace, [index], `[${index}]`), { ...inner, followed: false, member: true }),
        )
      : this.read(header, headerPlace, { ...inner, followed: true, member: true })
    const bodyPlace = placeIn(place, ['kwargs', 'body'])
    const end = this.read(body, bodyPlace, { ...inner, preceded: true, gathers: true })
    const given = [onError, onErrorOf(end.options), 'options' in members ? onErrorOf(members.options) : undefined]
    const policies = given.filter((policy) => policy !== undefined)
    if (policies.length > 1)
      throw refusal(place, 'expected on_error once, on the chord, its body or its header, got it twice')
    return chordData(members, onError ? { ...end, options: withOnError(end.options, onError) } : end, options)
  }

  #map(fields: Fields, place: DocumentPlace, around: Around): SignatureData {
    const { task, args, kwargs, immutable } = fields
    // Else the result of the step before it, which a client may choose, would say which task is called.
    if (!immutable) throw refusal(placeIn(place, ['immutable']), `expected true: ${task} takes no result`)
    if (args.length > 0) throw refusal(placeIn(place, ['args']), 'expected none: its arguments are named')
    const names = MAPS.get(task) ?? []
    refuseUnknownKeys(kwargs, names, placeIn(place, ['kwargs']))
    const items = listAt(kwargs.it, placeIn(place, ['kwargs', 'it']))
    const { n } = kwargs
    if (names.includes('n') && !(Number.isSafeInteger(n) && (n as number) > 0))
      throw refusal(placeIn(place, ['kwargs', 'n']), 'expected a whole number from 1')
    const innerPlace = placeIn(place, ['kwargs', 'task'])
    const inner = fieldsOf(kwargs.task, innerPlace)
    const empty = [inner.args, Object.keys(inner.kwargs), Object.keys(inner.options)].every(
      ({ length }) => length === 0,
    )
    if (!empty) throw refusal(innerPlace, 'expected a task without arguments and options: they would have no effect')
    this.#refuseTask(inner.task, innerPlace)
    this.#count(items.length, place)
    for (const [index, item] of items.entries()) {
      const itemPlace = placeIn(place, ['kwargs', 'it', index], `.it[${index}]`)
      const list = task === 'celery.map' ? [item] : listAt(item, itemPlace, 0)
      this.calls.push({ task: inner.task, args: list, kwargs: {}, partial: false, place: itemPlace, item: true })
    }
    const options = this.#taskOptions(fields, place, around)
    const data = { task: taskData(inner.task), it: items, ...(names.includes('n') && { n }) }
    return taskData(task, { kwargs: data, options, immutable: true })
  }

  #task(fields: Fields, place: DocumentPlace, around: Around): SignatureData {
    const { task, args, kwargs, immutable } = fields
    this.#refuseTask(task, place)
    this.#count(1, place)
    const partial = around.preceded && !immutable
    this.calls.push({ task, args, kwargs, partial, place, item: false })
    return taskData(task, { args, kwargs, options: this.#taskOptions(fields, place, around), immutable })
  }

  #refuseTask(task: string, place: DocumentPlace): void {
    if (RESERVED.test(task)) {
      const detail = `${place.path}: the task ${JSON.stringify(task)} cannot be called here`
      throw new WorkflowRefusal({ kind: 'unknown-task', detail })
    }
    const problem = this.#problemOf(task)
    if (problem && CANVAS.has(`celery.${task}`)) throw refusal(placeIn(place, ['task']), `expected celery.${task}`)
    if (problem) throw new WorkflowRefusal({ ...problem, detail: `${place.path}: ${problem.detail}` })
  }

  #count(tasks: number, place: DocumentPlace): void {
    this.#tasks += tasks
    if (this.#tasks > this.#limits.maxTasks)
      throw refusal(place, `expected at most ${this.#limits.maxTasks} calls of tasks in a workflow, got more`)
  }

  /** Its own stamps are not those of its links, as with `set`; those of the workflows around it are. */
  #taskOptions(fields: Fields, place: DocumentPlace, around: Around): SignatureData['options'] {
    const stamps = readStamps(fields.options, placeIn(place, ['options']), around.stamps)
    const policies = { chord: around.gathers, member: around.member }
    const { options, onError, memberOnError: own } = this.#options(fields, place, around, policies)
    const headers = own === undefined ? {} : { headers: memberOnError(own) }
    return withStamps(withOnError({ ...options, ...headers, ignore_result: false }, onError), stamps)
  }

  #options({ options }: Fields, place: DocumentPlace, around: Around, policies: PolicyPlace): ReadOptions {
    const inner: Around = {
      depth: around.depth + 1,
      preceded: true,
      gathers: false,
      followed: false,
      member: false,
      stamps: around.stamps,
    }
    return readWorkflowOptions(options, placeIn(place, ['options']), policies, (value, at) => {
      if (!Array.isArray(value)) return [this.read(value, at, inner)]
      return value.map((link, index) => this.read(link, placeIn(at, [index], `[${index}]`), inner))
    })
  }
}

/** A step whose results the next one gets as a list. Not checked: it is what a client has sent. */
function endsInGroup(value: unknown): boolean {
  for (let step = value; isRecord(step); ) {
    if (step.task !== 'celery.chain') return step.task === 'celery.group'
    step = isRecord(step.kwargs) && Array.isArray(step.kwargs.tasks) ? step.kwargs.tasks.at(-1) : undefined
  }
  return false
}

/** The fields of a signature; absent ones, and null, are their defaults. */
function fieldsOf(value: unknown, place: DocumentPlace): Fields {
  const at = place.path === '' ? { ...place, path: 'signature' } : place
  if (!isRecord(value)) throw refusal(at, 'expected a signature, an object', 'type')
  refuseUnknownKeys(value, [...SIGNATURE_KEYS], at)
  const { task, subtask_type: type, immutable } = value
  if (typeof task !== 'string' || task === '')
    throw refusal(placeIn(at, ['task']), 'expected the name of a task', 'type')
  if (!isNothing(type) && type !== CANVAS.get(task))
    throw refusal(placeIn(at, ['subtask_type']), `expected ${CANVAS.get(task) ?? 'null'} for the task ${task}`)
  if (!isNothing(immutable) && typeof immutable !== 'boolean')
    throw refusal(placeIn(at, ['immutable']), 'expected true or false', 'type')
  const args = value.args ?? []
  if (!Array.isArray(args)) throw refusal(placeIn(at, ['args']), 'expected an array', 'type')
  return {
    task,
    args,
    kwargs: objectAt(value.kwargs, placeIn(at, ['kwargs'])),
    options: objectAt(value.options, placeIn(at, ['options'])),
    immutable: immutable === true,
  }
}

function objectAt(value: unknown, place: DocumentPlace): Readonly<Record<string, unknown>> {
  if (isNothing(value)) return {}
  if (isRecord(value)) return value
  throw refusal(place, 'expected an object', 'type')
}

function listAt(value: unknown, place: DocumentPlace, atLeast = 1): readonly unknown[] {
  if (!Array.isArray(value)) throw refusal(place, 'expected an array', value === undefined ? 'required' : 'type')
  if (value.length < atLeast) throw refusal(place, `expected at least ${atLeast}, got none`)
  return value
}

function refuseUnknownKeys(value: object, known: readonly string[], place: DocumentPlace): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const isInner = known.includes('subtask_type') && ['tasks', 'header', 'body'].includes(unknown)
  if (isInner) throw refusal(placeIn(place, [unknown]), `expected it in kwargs: { ${unknown}: … }`)
  throw refusal(placeIn(place, [unknown], `.${unknown.slice(0, 80)}`), `unknown; known are ${known.join(', ')}`)
}

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}
