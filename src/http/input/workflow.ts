import type { Context } from 'hono'
import { chainData, chordData, groupData, taskData } from '../../protocol/canvas.ts'
import type { SignatureData } from '../../protocol/signature.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { HttpScope } from '../apiContext.ts'
import { taskProblem } from './submit.ts'
import type { WorkflowCall } from './workflowCalls.ts'
import { readWorkflowOptions } from './workflowOptions.ts'
import { type DocumentPlace, placeIn, refusal, WorkflowRefusal } from './workflowRefusal.ts'

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
  const data = reader.read(value, { path: '', pointer: [] }, { depth: 0, preceded: false })
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
    const options = this.#options(fields, place, around)
    if (kind === 'chord') return this.#chord(kwargs, options, place, around)
    const steps = listAt(kwargs.tasks, placeIn(place, ['kwargs', 'tasks']))
    const parts = steps.map((step, index) =>
      this.read(step, placeIn(place, ['kwargs', 'tasks', index], `[${index}]`), {
        depth: around.depth + 1,
        preceded: around.preceded || (kind === 'chain' && index > 0),
      }),
    )
    return kind === 'chain' ? chainData(parts, options) : groupData(parts, options)
  }

  #chord(
    kwargs: Fields['kwargs'],
    options: SignatureData['options'],
    place: DocumentPlace,
    around: Around,
  ): SignatureData {
    const { header, body, kwargs: more = {} } = kwargs
    if (!isRecord(more) || Object.keys(more).length > 0)
      throw refusal(placeIn(place, ['kwargs', 'kwargs']), 'expected an empty object')
    const inner = { depth: around.depth + 1, preceded: around.preceded }
    const headerPlace = placeIn(place, ['kwargs', 'header'])
    const members = Array.isArray(header)
      ? listAt(header, headerPlace).map((member, index) =>
          this.read(member, placeIn(headerPlace, [index], `[${index}]`), inner),
        )
      : this.read(header, headerPlace, inner)
    const bodyPlace = placeIn(place, ['kwargs', 'body'])
    return chordData(members, this.read(body, bodyPlace, { ...inner, preceded: true }), options)
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
    const options = this.#options(fields, place, around)
    const data = { task: taskData(inner.task), it: items, ...(names.includes('n') && { n }) }
    return taskData(task, { kwargs: data, options: { ...options, ignore_result: false }, immutable: true })
  }

  #task(fields: Fields, place: DocumentPlace, around: Around): SignatureData {
    const { task, args, kwargs, immutable } = fields
    this.#refuseTask(task, place)
    this.#count(1, place)
    const partial = around.preceded && !immutable
    this.calls.push({ task, args, kwargs, partial, place, item: false })
    const options = this.#options(fields, place, around)
    return taskData(task, { args, kwargs, options: { ...options, ignore_result: false }, immutable })
  }

  #refuseTask(task: string, place: DocumentPlace): void {
    if (RESERVED.test(task)) {
      const detail = `${place.path}: the task ${JSON.stringify(task)} cannot be called here`
      throw new WorkflowRefusal({ kind: 'unknown-task', detail })
    }
    const problem = this.#problemOf(task)
    if (problem) throw new WorkflowRefusal({ ...problem, detail: `${place.path}: ${problem.detail}` })
  }

  #count(tasks: number, place: DocumentPlace): void {
    this.#tasks += tasks
    if (this.#tasks > this.#limits.maxTasks)
      throw refusal(place, `expected at most ${this.#limits.maxTasks} calls of tasks in a workflow, got more`)
  }

  #options({ options }: Fields, place: DocumentPlace, { depth }: Around): SignatureData['options'] {
    return readWorkflowOptions(options, placeIn(place, ['options']), (value, at) => {
      if (!Array.isArray(value)) return [this.read(value, at, { depth: depth + 1, preceded: true })]
      return value.map((link, index) =>
        this.read(link, placeIn(at, [index], `[${index}]`), { depth: depth + 1, preceded: true }),
      )
    })
  }
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
  throw refusal(placeIn(place, [unknown], `.${unknown.slice(0, 80)}`), `unknown; known are ${known.join(', ')}`)
}

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}
