import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import type { WorkflowEdge } from '../protocol/workflowTree.ts'
import type { KeptWorkflow } from './keptShape.ts'
import { normalForm } from './normalForm.ts'
import { endId } from './outline.ts'
import { signatureOfShape, tasksIn } from './shape.ts'

/** A node of which only its place is known. */
export interface Place {
  readonly id: string
  readonly kind: 'task' | 'group'
  readonly task: string | null
  readonly group: string | null
}

/** The nodes and edges of a workflow, as far as they were found. */
export class TreeNodes {
  readonly places: Map<string, Place> = new Map()
  readonly edges: WorkflowEdge[] = []
  readonly #limit: number
  /** Tasks that were left out because of the limit. */
  left = 0

  /** `limit`: most nodes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many nodes may be added. */
  get room(): number {
    return Math.max(0, this.#limit - this.places.size)
  }

  /** Add a workflow that was sent, by the task `parent` where there is one. Returns the id of its result. */
  addWorkflow({ id, shape }: KeptWorkflow, parent: string | undefined): string {
    const before = this.places.size
    const normal = normalForm(signatureOfShape(shape, this.room), id)
    this.#lay(normal, parent === undefined ? undefined : { from: parent, kind: 'child' }, null)
    const tasks = [...this.places.values()].slice(before).filter(({ kind }) => kind === 'task')
    this.left += Math.max(0, tasksIn(shape) - tasks.length)
    return endId(normal)
  }

  /** Add a task that another has sent. */
  addTask(id: string, parent: string | undefined): void {
    if (this.places.has(id)) return
    if (this.room === 0) this.left += 1
    this.#add(
      { id, kind: 'task', task: null, group: null },
      parent === undefined ? undefined : { from: parent, kind: 'child' },
    )
  }

  /** Returns the id of what ends last: of a task, or of a group. */
  #lay(signature: SignatureData, follows: Omit<WorkflowEdge, 'to'> | undefined, group: string | null): string {
    const { task, options } = signature
    const id = options.task_id as string
    switch (canvasOf(signature)) {
      case 'chain': {
        const [first, ...rest] = tasksOf(signature, task) as [SignatureData, ...SignatureData[]]
        const begin = this.#lay(first, follows, group)
        return rest.reduce((from, step) => this.#lay(step, { from, kind: 'next' }, group), begin)
      }
      case 'group':
        return this.#layGroup(id, tasksOf(signature, task), follows, group)
      case 'chord': {
        const { header, options: own, body } = chordParts(signature, task)
        const from = this.#layGroup(own.task_id as string, header, follows, group)
        return this.#lay(body, { from, kind: 'body' }, group)
      }
      default:
        return this.#add({ id, kind: 'task', task, group }, follows)
    }
  }

  #layGroup(
    id: string,
    members: readonly SignatureData[],
    follows: Omit<WorkflowEdge, 'to'> | undefined,
    group: string | null,
  ): string {
    this.#add({ id, kind: 'group', task: null, group }, follows)
    for (const member of members) this.#lay(member, undefined, id)
    return id
  }

  #add(place: Place, follows: Omit<WorkflowEdge, 'to'> | undefined): string {
    if (this.places.has(place.id)) return place.id
    if (this.room === 0) return place.id
    this.places.set(place.id, place)
    if (follows) this.edges.push({ ...follows, to: place.id })
    return place.id
  }
}
