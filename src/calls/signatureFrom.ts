import type { CallOptions } from '../config/callOptions.ts'
import { taskData } from '../protocol/canvas.ts'
import { canvasOf, type SignatureLike, signatureOf } from '../protocol/signature.ts'
import { ArgumentError } from '../std/errors.ts'
import { Chain, Chord, Group, Signature, type WorkflowSender } from './workflow.ts'
import { type SignatureOptions, wireOptions } from './workflowOptions.ts'
import type { AnyWorkflow } from './workflowTypes.ts'

/** Any value: what a task takes and results in whose types are not known here. */
// biome-ignore lint/suspicious/noExplicitAny: it goes with every type.
export type AnyValue = any

/** A signature of a task by its name, or of its data. Throws ArgumentError for what is neither. */
export function signatureFrom(
  task: string | SignatureLike,
  args: readonly unknown[],
  { kwargs = {}, ...options }: SignatureOptions & Pick<CallOptions, 'kwargs'>,
  sender: WorkflowSender,
): AnyWorkflow {
  if (typeof task !== 'string') return new (classOf(task))(dataOf(task), sender)
  if (task === '') throw new ArgumentError('signature: expected a task name, got an empty text')
  return new Signature(taskData(task, { args, kwargs, options: wireOptions(options, `signature of ${task}`) }), sender)
}

function classOf(value: SignatureLike): typeof Signature {
  const classes = { chain: Chain, group: Group, chord: Chord } as unknown as Record<string, typeof Signature>
  return classes[canvasOf(dataOf(value)) ?? ''] ?? Signature
}

function dataOf(value: SignatureLike): ReturnType<typeof signatureOf> {
  try {
    return signatureOf(value, 'signature')
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error })
  }
}
