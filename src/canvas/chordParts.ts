import type { ChordPart, OpenChord } from '../backend/chords.ts'
import { encodePlain } from '../protocol/encoding.ts'
import { isSealedText, unopened } from '../protocol/envelope.ts'
import type { TaskMessage } from '../protocol/message.ts'
import { ChordOnError } from '../protocol/onError.ts'
import type { RecordState } from '../protocol/record.ts'
import { CONTENT_TYPES, deserialize, write } from '../protocol/serializer.ts'
import { readSignature, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { SUCCESS } from '../protocol/states.ts'
import { traceContextOf } from '../protocol/traceContext.ts'
import { CeleriacError, DecodeError } from '../std/errors.ts'
import { uuidOf } from '../std/id.ts'
import { isRecord } from '../std/isRecord.ts'
import { endTasks, normalForm } from './normalForm.ts'
import type { Predecessor } from './prepareSignature.ts'
import type { Opening } from './unfold.ts'

/** The task whose end gives parts: what of it the body of the chord gets. */
export type Origin = Pick<Predecessor, 'id' | 'rootId' | 'replyTo' | 'context' | 'trace'>

/** A part is final; `result` is the result, or the encoded exception. */
type Ending = Pick<RecordState, 'status' | 'result'>

/** The call of a body, as a part carries it in `callback`. */
export interface BodyCall extends Origin {
  readonly body: SignatureData
}

const JSON_ONLY: ReadonlySet<string> = new Set([CONTENT_TYPES.json])

/** The part of a task that is a member of a header; none for any other task. Throws EncodeError. */
export function ownParts(
  { id, group, groupIndex, embed: { chord } }: Pick<TaskMessage, 'id' | 'group' | 'groupIndex' | 'embed'>,
  ending: Ending,
  origin: Origin,
): readonly ChordPart[] {
  if (!chord || group === undefined) return []
  return [partOf({ group, index: groupIndex, taskId: id, body: chord }, ending, origin)]
}

/**
 * The parts of the tasks at the end of signatures that will never be sent: the last step of a chain that is a member of
 * a header, the body of a chord that is one. Throws EncodeError, DecodeError.
 */
export function unsentParts(
  signatures: readonly SignatureData[],
  ending: Ending,
  origin: Origin,
): readonly ChordPart[] {
  const ends = signatures.flatMap((one, at) => endsOf(normalForm(one, uuidOf(origin.id ?? '', 'unsent', String(at)))))
  return ends.flatMap(({ options }) => {
    const { task_id: taskId, group_id: group, group_index: index, chord } = options
    if (typeof group !== 'string' || typeof taskId !== 'string' || !isRecord(chord)) return []
    const body = readSignature(chord, 'options.chord')
    return [partOf({ group, index: typeof index === 'number' ? index : undefined, taskId, body }, ending, origin)]
  })
}

/**
 * The parts of a message that cannot be decoded, by its headers and its links as they were received; none where these
 * cannot be read.
 */
export function partsOfLinks(
  headers: Readonly<Record<string, unknown>>,
  links: readonly unknown[],
  ending: Ending,
): readonly ChordPart[] {
  const [embed] = links
  const { group, group_index: index, root_id: root } = headers
  if (!isRecord(embed)) return []
  const id = typeof headers.id === 'string' ? headers.id : uuidOf(String(group), 'unnamed', String(index))
  const origin = { id, rootId: typeof root === 'string' ? root : id, replyTo: undefined }
  try {
    const [chord] = readSignatures(embed.chord, 'chord') ?? []
    const unsent = unsentParts(readSignatures(embed.chain, 'chain')?.slice(0, 1) ?? [], ending, origin)
    if (chord === undefined || typeof group !== 'string') return unsent
    const member = { group, index: typeof index === 'number' ? index : undefined, taskId: id, body: chord }
    return [partOf(member, ending, origin), ...unsent]
  } catch (error) {
    // Its chord is not known: the chord ends when it expires.
    if (error instanceof CeleriacError) return []
    throw error
  }
}

/** The tasks at the end of a signature in normal form, and of the chain that follows it. */
function endsOf(signature: SignatureData): readonly SignatureData[] {
  return endTasks(signature).flatMap((task) => {
    const [last] = Array.isArray(task.options.chain) ? task.options.chain : []
    return last === undefined ? [task] : endsOf(normalForm(readSignature(last, 'options.chain'), ''))
  })
}

interface Member {
  readonly group: string
  readonly index: number | undefined
  readonly taskId: string
  readonly body: SignatureData
}

function partOf({ body, ...member }: Member, { status, result }: Ending, origin: Origin): ChordPart {
  const part = { ...member, state: status as ChordPart['state'], result, callback: bodyCall(body, origin) }
  const cancels = status !== SUCCESS && new ChordOnError(body).of(member.index) === 'cancel'
  return cancels ? { ...part, ends: true } : part
}

/** A chord as it is opened, with the call of its body. Throws EncodeError. */
export function withCallback({ body, ...open }: Opening, before: Omit<Origin, 'id'>): OpenChord {
  return { ...open, callback: bodyCall(body, { ...before, id: open.group }) }
}

/** What `readBodyCall` reads. Throws EncodeError. */
export function bodyCall(body: SignatureData, { id, rootId, replyTo, context, trace }: Origin): string {
  return `${bodyText(body).slice(0, -1)},${textOf({ id, rootId, replyTo, context, trace }).slice(1)}`
}

/** Texts of frozen bodies: those that the members of one header share. */
const bodyTexts = new WeakMap<SignatureData, string>()

function bodyText(body: SignatureData): string {
  const known = bodyTexts.get(body)
  if (known !== undefined) return known
  const text = textOf({ body })
  if (Object.isFrozen(body)) bodyTexts.set(body, text)
  return text
}

function textOf(value: Readonly<Record<string, unknown>>): string {
  return write(encodePlain(value, 'chord'), 'json').body as string
}

/** Read what `callback` says. Throws DecodeError. */
export function readBodyCall(callback: string): BodyCall {
  if (isSealedText(callback)) throw unopened('the call of the body of a chord', callback)
  const call = deserialize(callback, CONTENT_TYPES.json, 'utf-8', JSON_ONLY)
  if (!isRecord(call) || typeof call.id !== 'string' || typeof call.rootId !== 'string')
    throw new DecodeError('the call of the body of a chord: expected an object with body, id and rootId')
  const { id, rootId, replyTo, context } = call
  const trace = isRecord(call.trace) ? traceContextOf(call.trace) : undefined
  const body = readSignature(call.body, 'body')
  const to = typeof replyTo === 'string' ? replyTo : undefined
  return { body, id, rootId, replyTo: to, context: context ?? undefined, trace }
}
