import type { Outline } from '../calls/outline.ts'
import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { canvasOf, type SignatureData } from '../protocol/signature.ts'

/** The outline of a signature in normal form. */
export function outlineOf(signature: SignatureData, parent?: Outline): Outline {
  const { task, options } = signature
  switch (canvasOf(signature)) {
    case 'chain': {
      const [first, ...rest] = tasksOf(signature, task) as [SignatureData, ...SignatureData[]]
      return rest.reduce((before, step) => outlineOf(step, before), outlineOf(first, parent))
    }
    case 'group': {
      const members = tasksOf(signature, task).map((member) => outlineOf(member))
      return { id: options.task_id as string, members, parent }
    }
    case 'chord': {
      const { header, options: own, body } = chordParts(signature, task)
      const members = header.map((member) => outlineOf(member))
      return outlineOf(body, { id: own.task_id as string, members, parent })
    }
    default:
      return { id: options.task_id as string, parent, ignored: options.ignore_result === true }
  }
}

/** Id of the result of a signature in normal form. */
export function endId(signature: SignatureData): string {
  return endOf(signature).options.task_id as string
}

/** Name of the task of that id; of a group, the group's. */
export function endTask(signature: SignatureData): string {
  return endOf(signature).task
}

function endOf(signature: SignatureData): SignatureData {
  switch (canvasOf(signature)) {
    case 'chain':
      return endOf(tasksOf(signature, signature.task).at(-1) as SignatureData)
    case 'chord':
      return endOf(chordParts(signature, signature.task).body)
    default:
      return signature
  }
}
