import type { Following } from '../backend/followUp.ts'
import { callFact, callHeaders } from '../protocol/callHeaders.ts'
import { chordData, taskData, tasksOf } from '../protocol/canvas.ts'
import type { TaskMessage } from '../protocol/message.ts'
import { ownedOptions } from '../protocol/ownership.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { ArgumentError, NotSupportedError } from '../std/errors.ts'
import { type Advancer, send } from './advance.ts'
import { refuseKeyed } from './check.ts'
import { type Part, withEnd, withErrbacks } from './signatureEnd.ts'

/**
 * A workflow replaces a task, as with Celery's `replace`: it ends with the id of the task, and has its callbacks, its
 * errbacks, the rest of its chain, and its place in a group; each task in it that has none of its own gets the priority
 * of the task, its `expires`, its deadline, its owner and its tags. Its other ids are derived from that of the task, so
 * that a task that runs again sends the same. Throws ArgumentError for an empty workflow, NotSupportedError for a chord
 * where none can be joined, and for a task whose calls share a key, and as `expand`.
 */
export function replacementOf(
  message: TaskMessage,
  workflow: SignatureData,
  advancer: Advancer,
  now: number,
): Following {
  const { id, embed, parentId, priority, expires, headers } = message
  const kind = canvasOf(workflow)
  if ((kind === 'chain' || kind === 'group') && tasksOf(workflow, kind).length === 0)
    throw new ArgumentError(`task ${message.task}: replace: expected at least one task, got an empty ${kind}`)
  refuseKeyed(workflow, advancer.app.tasks, `task ${message.task}: replace`)
  // The result of a group is the list of its results: that of one task.
  const whole = kind === 'group' ? chordData(workflow, accumulate()) : workflow
  const ended = withEnd(whole, {
    id,
    part: partOf(message),
    links: embed.callbacks ?? [],
    chain: embed.chain ?? [],
  })
  const signature = withErrbacks(ended, embed.errbacks ?? [])
  const kept = callHeaders({ deadline: callFact(headers, 'deadline') })
  const nesting = (message.replacedTaskNesting ?? 0) + 1
  const flow = {
    priority,
    expires,
    replaced_task_nesting: nesting,
    headers: { ...ownedOptions(headers)?.headers, ...kept },
  }
  const following = send([{ signature, args: [], id, flow }], { ...message, id: parentId }, advancer, now)
  if ((following.opens ?? []).length > 0 && !advancer.joins)
    throw new NotSupportedError(`task ${message.task}: replace: these stores cannot join a chord, nor a group`)
  return following
}

function accumulate(): SignatureData {
  return taskData('celery.accumulate', { kwargs: { index: 0 } })
}

function partOf({ group, groupIndex = 0, embed: { chord } }: TaskMessage): Part | undefined {
  if (group === undefined) return undefined
  return { group_id: group, group_index: groupIndex, ...(chord && { chord }) }
}
