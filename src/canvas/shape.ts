import { chainData, chordData, chordParts, groupData, taskData, tasksOf } from '../protocol/canvas.ts'
import { canvasOf, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { isRecord } from '../std/isRecord.ts'

/*
 * The shape of a workflow: its tasks by their names, without arguments and links. The ids of a workflow follow from its
 * shape and the id of its result, so that this is all that has to be kept of it to know its tasks.
 */

/** The shape of a signature. */
export interface Shape {
  /** Name of a task; absent for a workflow. */
  readonly task?: string
  readonly kind?: 'chain' | 'group' | 'chord'
  /** Steps, members, or the header. */
  readonly parts?: readonly Shape[]
  readonly body?: Shape
  /** Its own id; absent where that is derived. */
  readonly id?: string
  /** Id of the header, where it has its own. */
  readonly header?: string
  /** What follows it, reversed, as Celery's option `chain`. */
  readonly chain?: readonly Shape[]
  /** How many of the same stand here, one after the other; absent for one. */
  readonly count?: number
}

/** The shape of a signature that can be sent. Throws DecodeError. */
export function shapeOf(signature: SignatureData): Shape {
  const { task, options } = signature
  const { task_id: id, chain } = options
  const rest = readSignatures(chain, `${task}.options.chain`) ?? []
  const own = {
    ...(typeof id === 'string' && { id }),
    ...(rest.length > 0 && { chain: shapesOf(rest) }),
  }
  const kind = canvasOf(signature)
  if (kind === 'chain' || kind === 'group') return { kind, parts: shapesOf(tasksOf(signature, task)), ...own }
  if (kind !== 'chord') return { task, ...own }
  const { header, options: given, body } = chordParts(signature, task)
  const headerId = typeof given.task_id === 'string' ? { header: given.task_id } : {}
  return { kind, parts: shapesOf(header), body: shapeOf(body), ...headerId, ...own }
}

/** Those that are the same as the one before it are counted. */
function shapesOf(signatures: readonly SignatureData[]): readonly Shape[] {
  const runs: { readonly shape: Shape; count: number }[] = []
  for (const signature of signatures) {
    const shape = shapeOf(signature)
    const last = runs.at(-1)
    if (last && isSame(last.shape, shape)) last.count++
    else runs.push({ shape, count: 1 })
  }
  return runs.map(({ shape, count }) => (count > 1 ? { ...shape, count } : shape))
}

function isSame(one: Shape, other: Shape): boolean {
  if (one.task !== other.task || one.id !== other.id) return false
  const isPlain = one.task !== undefined && one.chain === undefined && other.chain === undefined
  return isPlain || JSON.stringify(one) === JSON.stringify(other)
}

/** How many tasks a shape has. */
export function tasksIn({ parts = [], body, chain = [], count = 1, task }: Shape): number {
  const inner = [...parts, ...chain, ...(body ? [body] : [])].reduce((sum, part) => sum + tasksIn(part), 0)
  return count * (inner + (task === undefined ? 0 : 1))
}

/**
 * The signature of a shape, without arguments. At most about `limit` tasks: the last members of what is larger are left
 * out, which changes the ids of no others.
 */
export function signatureOfShape(shape: Shape, limit: number): SignatureData {
  return new Unfolding(limit).signature(shape)
}

class Unfolding {
  #left: number

  constructor(limit: number) {
    this.#left = limit
  }

  signature({ task, kind, parts = [], body, id, header, chain = [] }: Shape): SignatureData {
    const rest = this.#list(chain)
    const options = { ...(id !== undefined && { task_id: id }), ...(rest.length > 0 && { chain: rest }) }
    if (kind === undefined) {
      this.#left -= 1
      return taskData(task ?? '', { options })
    }
    const list = this.#list(parts)
    if (kind === 'chain') return chainData(list, options)
    const own = header === undefined ? {} : { task_id: header }
    return kind === 'group' || !body
      ? groupData(list, options)
      : chordData(groupData(list, own), this.signature(body), options)
  }

  /** At least one of each list, so that no chain and no header is empty. */
  #list(shapes: readonly Shape[]): readonly SignatureData[] {
    const list: SignatureData[] = []
    for (const shape of shapes)
      for (let index = 0; index < (shape.count ?? 1) && (this.#left > 0 || list.length === 0); index++)
        list.push(this.signature(shape))
    return list
  }
}

/** Read a shape; undefined for anything else. */
export function readShape(value: unknown): Shape | undefined {
  if (!isRecord(value)) return undefined
  const { task, kind, parts, body, chain } = value
  const lists = [parts ?? [], chain ?? []]
  const isShape =
    (typeof task === 'string' ? kind === undefined : kind === 'chain' || kind === 'group' || kind === 'chord') &&
    lists.every((list) => Array.isArray(list) && list.every((part) => readShape(part) !== undefined)) &&
    (body === undefined || readShape(body) !== undefined)
  return isShape ? (value as Shape) : undefined
}
