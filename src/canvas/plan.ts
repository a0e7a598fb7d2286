import type { Outline } from '../calls/outline.ts'
import type { ParsedWorkflowOptions } from '../calls/workflowOptions.ts'
import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { memberOnErrorOf } from '../protocol/onError.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { stamped } from '../protocol/stamps.ts'
import { ArgumentError } from '../std/errors.ts'
import { endTasks, normalForm } from './normalForm.ts'
import { outlineOf } from './outline.ts'
import { withArgs, withEnd, withErrbacks, withOptions } from './signatureEnd.ts'
import { type Opening, unfold } from './unfold.ts'

/** A workflow that is to be sent by a client. */
export interface Plan {
  /** Tasks that run first. */
  readonly calls: readonly SignatureData[]
  /** Tasks that follow: they are known by their ids, and are sent by workers. */
  readonly later: readonly SignatureData[]
  readonly opens: readonly Opening[]
  readonly outline: Outline
  /** There is a chord in it, now or later. */
  readonly joins: boolean
}

/** Plan the call of a workflow; `id` is that of its result. Throws ArgumentError for options that it cannot have. */
export function planOf(
  data: SignatureData,
  args: readonly unknown[],
  id: string,
  { first, all, links, errbacks, stamps }: ParsedWorkflowOptions,
): Plan {
  if (links.length > 0 && canvasOf(data) === 'group')
    throw new ArgumentError('group: link: a group has no end of its own; use chord(group, body)')
  const called = stamped(withErrbacks(withEnd(withArgs(data, args), { links }), errbacks), stamps)
  const normal = normalForm(called, id, all)
  const { calls, opens } = unfold(normal)
  const now = new Set(calls.map(({ options }) => options.task_id))
  const { tasks, chords } = partsWithin(normal)
  requireOwnIds(tasks, chords)
  requireChord(tasks, chords)
  return {
    calls: calls.map((call) => withOptions(call, first)),
    later: tasks.filter(({ options }) => !now.has(options.task_id)),
    opens,
    outline: outlineOf(normal),
    joins: chords.length > 0,
  }
}

/** Two tasks under one id have one record and are one part of a header: the workflow would not end. */
function requireOwnIds(tasks: readonly SignatureData[], chords: readonly SignatureData[]): void {
  const ids = new Set<unknown>()
  for (const { task, options } of tasks) requireOwnId(ids, options.task_id, task)
  for (const { kwargs } of chords) requireOwnId(ids, (kwargs.header as SignatureData).options.task_id, 'group')
}

function requireOwnId(ids: Set<unknown>, id: unknown, name: string): void {
  if (ids.has(id))
    throw new ArgumentError(`${name}: expected an id of its own for each task and header, got ${id} twice`)
  ids.add(id)
}

/** What a member says of its failure counts in a chord only. */
function requireChord(tasks: readonly SignatureData[], chords: readonly SignatureData[]): void {
  const own = tasks.filter(({ options }) => memberOnErrorOf(options) !== undefined)
  if (own.length === 0) return
  const ends = chords.flatMap(({ kwargs }) => endTasks(kwargs.header as SignatureData))
  const members = new Set(ends.map(({ options }) => options.task_id))
  const lost = own.find(({ options }) => !members.has(options.task_id))
  if (lost)
    throw new ArgumentError(
      `${lost.task}: onError: expected a member of the header of a chord, or the last step of one that is a chain`,
    )
}

/** What a workflow in normal form is made of, without links. */
interface Made {
  readonly tasks: SignatureData[]
  readonly chords: SignatureData[]
}

function partsWithin(signature: SignatureData, to: Made = { tasks: [], chords: [] }): Made {
  switch (canvasOf(signature)) {
    case 'chain':
    case 'group':
      for (const part of tasksOf(signature, signature.task)) partsWithin(part, to)
      break
    case 'chord': {
      const { header, body } = chordParts(signature, signature.task)
      to.chords.push(signature)
      for (const part of header) partsWithin(part, to)
      partsWithin(body, to)
      break
    }
    default:
      to.tasks.push(signature)
  }
  return to
}
