import type { OpenChord } from '../backend/chords.ts'
import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { ChordOnError, plainBody } from '../protocol/onError.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { normalForm, partsOf, sizeOf } from './normalForm.ts'
import { withArgs, withEnd } from './signatureEnd.ts'

/** What a workflow sends first. */
export interface Unfolded {
  /** Calls of tasks, each with what follows it among its options. */
  readonly calls: SignatureData[]
  readonly opens: Opening[]
}

/** A chord that is opened, and what follows from it. */
export interface Opening extends OpenChord {
  readonly body: SignatureData
}

/** Unfold a signature in normal form: the tasks that run first, and the chords whose headers are among them. */
export function unfold(signature: SignatureData): Unfolded {
  const unfolded: Unfolded = { calls: [], opens: [] }
  add(signature, unfolded)
  return unfolded
}

function add(signature: SignatureData, to: Unfolded): void {
  const kind = canvasOf(signature)
  if (kind === 'chain') addChain(signature, to)
  else if (kind === 'group') addGroup(signature, to)
  else if (kind === 'chord') addChord(signature, to)
  else to.calls.push(signature)
}

function addChain(signature: SignatureData, to: Unfolded): void {
  const [first, ...rest] = tasksOf(signature, signature.task) as [SignatureData, ...SignatureData[]]
  add(normalForm(withEnd(first, { chain: rest.reverse() }), ''), to)
}

function addGroup(signature: SignatureData, to: Unfolded): void {
  const members = tasksOf(signature, signature.task)
  const part = { group_id: signature.options.task_id as string, group_index: 0 }
  for (const member of partsOf(members, part)) add(member, to)
}

function addChord(signature: SignatureData, to: Unfolded): void {
  const { header, options, body } = chordParts(signature, signature.task)
  const group = options.task_id as string
  const size = header.reduce((sum, member) => sum + sizeOf(member), 0)
  const held = new ChordOnError(body).isLenient ? ({ held: true } as const) : {}
  if (size > 0) to.opens.push({ group, size, body, ...held })
  for (const member of partsOf(header, { group_id: group, group_index: 0, chord: body })) add(member, to)
  // Without a part to wait for, it runs at once.
  if (size === 0) add(normalForm(withArgs(plainBody(body), [[]]), ''), to)
}
