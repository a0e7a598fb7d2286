import { chainData, chordData, chordParts, groupData, tasksOf } from '../protocol/canvas.ts'
import {
  memberOnErrorOf,
  onErrorOf,
  onErrorRuns,
  plainBody,
  withMembersOnError,
  withOnError,
  withOnErrorOf,
} from '../protocol/onError.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { ArgumentError, NotSupportedError } from '../std/errors.ts'
import { uuidOf, uuidsOf } from '../std/id.ts'
import { type Options, type Part, splitOptions, withArgs, withEnd, withErrbacks, withOptions } from './signatureEnd.ts'

/*
 * The normal form of a workflow, as Celery's `freeze` and `prepare_steps` make it. Every task in it has its id. A chain
 * has no chain in it, and at least two steps. A group has no group in it. A group that is followed by something is the
 * header of a chord. What the options of a workflow say is in the options of its tasks.
 *
 * The normal form of a normal form is the same. Links are not looked into: they are workflows of their own.
 */

/**
 * `id`: that of its result, unless it has one. `flow`: options of each task that does not have its own. `seed`: what
 * the other ids are derived from, with the position. Throws DecodeError; NotSupportedError for an unknown kind of
 * workflow; ArgumentError for a group with `onError` that nothing follows.
 */
export function normalForm(signature: SignatureData, id: string, flow: Options = {}, seed: string = id): SignatureData {
  switch (canvasOf(signature)) {
    case undefined:
      return normalTask(signature, id, flow)
    case 'chain':
      return normalChain(signature, id, flow, seed)
    case 'group':
      return normalGroup(signature, id, flow, seed)
    case 'chord':
      return normalChord(signature, id, flow, seed)
    default:
      throw new NotSupportedError(`${signature.task}: a workflow of the kind ${signature.subtask_type} is not known`)
  }
}

function normalTask(signature: SignatureData, id: string, flow: Options): SignatureData {
  const options = withFlow(signature.options, flow)
  const hasId = typeof options.task_id === 'string'
  if (hasId && options === signature.options) return signature
  return { ...signature, options: hasId ? options : { ...options, task_id: id } }
}

function withFlow(options: Options, flow: Options): Options {
  if (Object.keys(flow).length === 0) return options
  const headers = flow.headers && options.headers ? { headers: { ...flow.headers, ...options.headers } } : {}
  return { ...flow, ...options, ...headers }
}

function normalChain(signature: SignatureData, id: string, flow: Options, seed: string): SignatureData {
  const steps = withChords(stepsOf(signature))
  const last = steps.length - 1
  const normal = steps.map((step, at) => {
    const own = uuidOf(seed, 'step', String(at))
    return normalForm(step, at === last ? id : own, flow, own)
  })
  if (last === -1) return groupData([], { task_id: id })
  return last === 0 ? (normal[0] as SignatureData) : chainData(normal)
}

/** The steps of a chain, with what its options give to each of them. */
function stepsOf(signature: SignatureData): readonly SignatureData[] {
  const { end, errbacks, rest } = splitOptions(signature)
  const { chain = [], ...own } = end
  const steps = tasksOf(signature, signature.task).flatMap(flatten)
  const mine = steps.map((step, at) => {
    const first = at === 0 ? withArgs(withOptions(step, rest), signature.args) : step
    return withErrbacks(at === steps.length - 1 ? withEnd(first, own) : first, errbacks)
  })
  return [...mine, ...chain.toReversed().flatMap(flatten)]
}

function flatten(step: SignatureData): readonly SignatureData[] {
  return canvasOf(step) === 'chain' ? stepsOf(step) : [step]
}

/** A group with something after it becomes a chord. One without members at the end is left out. */
function withChords(steps: readonly SignatureData[]): readonly SignatureData[] {
  const found: SignatureData[] = []
  for (const step of steps.toReversed()) {
    const isGroup = canvasOf(step) === 'group'
    const next = found.at(-1)
    if (!isGroup) found.push(step)
    else if (next) found[found.length - 1] = chordData(step, next)
    else if (steps.length === 1 || membersOf(step).length > 0) found.push(step)
  }
  return found.reverse()
}

function normalGroup(signature: SignatureData, id: string, flow: Options, seed: string): SignatureData {
  const { end, errbacks, rest } = splitOptions(signature)
  const { id: own, part, links, chain = [] } = end
  if (chain.length > 0) {
    const group = { ...signature, options: { ...rest, task_id: own, link: links, link_error: errbacks } }
    return normalForm(chordData(group, chainData(chain.toReversed())), id, flow, seed)
  }
  refuseOnError(signature)
  const group = own ?? id
  const idOf = uuidsOf(group, 'member')
  const members = membersOf(signature).map((member, at) => normalForm(member, idOf(at), flow))
  return groupData(part?.chord ? partsOf(members, part) : members, { ...(part?.chord && part), task_id: group })
}

/** The members of a group, also of the groups in it, with what its options give to each of them. */
function membersOf(signature: SignatureData): readonly SignatureData[] {
  const { end, errbacks, rest } = splitOptions(signature)
  return tasksOf(signature, signature.task)
    .flatMap((member) => {
      if (canvasOf(member) !== 'group' || member.options.chain) return member
      refuseOnError(member)
      return membersOf(member)
    })
    .map((member, at) => {
      const mine = withErrbacks(withArgs(withOptions(member, rest), signature.args), errbacks)
      // A link of a group is one of its first member, as with Celery.
      return at === 0 && end.links?.length ? withEnd(mine, { links: end.links }) : mine
    })
}

function refuseOnError({ options }: SignatureData): void {
  if (onErrorOf(options) !== undefined)
    throw new ArgumentError('group: onError: expected a body, or another step after the group, that gets its results')
}

function normalChord(signature: SignatureData, id: string, flow: Options, seed: string): SignatureData {
  const { end, errbacks, rest } = splitOptions(signature)
  const parts = chordParts(signature, signature.task)
  const onError = onErrorOf(parts.options) ?? onErrorOf(parts.body.options)
  const body = withErrbacks(withEnd(withOptions(plainBody(parts.body), rest), end), errbacks)
  const { group_id: _, group_index: __, chord: ___, ...options } = withOnError(parts.options, undefined)
  const group = typeof options.task_id === 'string' ? options.task_id : uuidOf(seed, 'header')
  const header = { ...groupData(parts.header.map(withoutChord), { ...options, ...rest, task_id: group }) }
  const normal = normalForm(body, id, flow, uuidOf(seed, 'body'))
  const normalHeader = normalGroup({ ...header, args: signature.args }, group, flow, group)
  const said = withOnError(withOnErrorOf(normal.options, parts.body), onError)
  return chordData(normalHeader, { ...normal, options: withMembersOnError(said, runsOf(normalHeader)) })
}

/** Most runs of members with their own `onError`: they go with each member. */
const MAX_RUNS = 100

function runsOf(header: SignatureData): ReturnType<typeof onErrorRuns> {
  const runs = onErrorRuns(endTasks(header).map(({ options }) => memberOnErrorOf(options)))
  if (runs.length <= MAX_RUNS) return runs
  throw new ArgumentError(
    `chord: onError: expected at most ${MAX_RUNS} runs of members with the same onError of their own, got ${runs.length}: put those that have the same side by side`,
  )
}

/** Celery repeats the body in each member of a header. */
function withoutChord(member: SignatureData): SignatureData {
  if (!('chord' in member.options)) return member
  const { chord: _, ...options } = member.options
  return { ...member, options }
}

/** Members in normal form as parts of a group, with their indexes from that of `first` on. */
export function partsOf(members: readonly SignatureData[], first: Part): readonly SignatureData[] {
  let index = first.group_index ?? 0
  return members.map((member) => {
    const part = { ...first, group_index: index }
    index += sizeOf(member)
    return normalForm(withEnd(member, { part }), '')
  })
}

/** How many tasks are at the end of a signature in normal form: the parts that it is in a header. */
export function sizeOf(signature: SignatureData): number {
  return canvasOf(signature) === undefined ? 1 : endTasks(signature).length
}

/** The tasks at the end of a signature in normal form: in a header, each of them is a part. */
export function endTasks(signature: SignatureData): readonly SignatureData[] {
  const tasks: SignatureData[] = []
  addEndTasks(signature, tasks)
  return tasks
}

function addEndTasks(signature: SignatureData, to: SignatureData[]): void {
  switch (canvasOf(signature)) {
    case 'chain':
      addEndTasks(tasksOf(signature, signature.task).at(-1) as SignatureData, to)
      break
    case 'group':
      for (const member of tasksOf(signature, signature.task)) addEndTasks(member, to)
      break
    case 'chord':
      addEndTasks(chordParts(signature, signature.task).body, to)
      break
    default:
      to.push(signature)
  }
}
