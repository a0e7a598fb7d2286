import { chordParts, tasksOf } from '../protocol/canvas.ts'
import type { TaskMessage } from '../protocol/message.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'
import { type Part, splitOptions } from './signatureEnd.ts'

/** The parts of chords that a task is, or that the end of its chain is. */
export function endPartsOf({ embed, group, groupIndex = 0 }: TaskMessage): readonly Part[] {
  const last = embed.chain?.[0]
  if (last) return partsWithin(last)
  return embed.chord && group !== undefined ? [{ group_id: group, group_index: groupIndex, chord: embed.chord }] : []
}

function partsWithin(signature: SignatureData): readonly Part[] {
  const { part } = splitOptions(signature).end
  switch (canvasOf(signature)) {
    case 'chain': {
      const last = tasksOf(signature, signature.task).at(-1)
      return last ? partsWithin(last) : []
    }
    case 'chord':
      return partsWithin(chordParts(signature, signature.task).body)
    case 'group':
      return tasksOf(signature, signature.task).flatMap(partsWithin)
    default:
      return part?.chord ? [part] : []
  }
}
