import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { assertEncodable, type SerializerName } from '../protocol/encoding.ts'
import { canvasOf, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { ArgumentError, DecodeError, EncodeError } from '../std/errors.ts'

/** Most tasks of one workflow, links counted. */
export const MAX_WORKFLOW_TASKS = 100_000
/** Deepest nesting of workflows in each other: what nests deeper could not be sent as JSON. */
const MAX_WORKFLOW_DEPTH = 20

/** How the arguments of a task are sent. */
export type SerializerOf = (task: string) => SerializerName

/**
 * Check all that a workflow names, links too: that it is made of signatures, is not too large, and that all arguments
 * can be sent. Throws ArgumentError, or EncodeError for arguments, with the path of the member, as
 * `chain[1].group[0]: args[0]: functions cannot be sent`.
 */
export function checkWorkflow(data: SignatureData, serializerOf: SerializerOf): void {
  const checker = new Checker(serializerOf)
  try {
    checker.check(data, '', 0)
  } catch (error) {
    if (error instanceof DecodeError) throw new ArgumentError(error.message, { cause: error })
    throw error
  }
}

class Checker {
  readonly #serializerOf: SerializerOf
  /** The members of those that the one at hand is part of. */
  readonly #around = new Set<SignatureData['kwargs']>()
  #left = MAX_WORKFLOW_TASKS

  constructor(serializerOf: SerializerOf) {
    this.#serializerOf = serializerOf
  }

  check(data: SignatureData, path: string, depth: number): void {
    const kind = canvasOf(data)
    const name = path + (kind ?? data.task)
    if (depth > MAX_WORKFLOW_DEPTH)
      throw new ArgumentError(`${name}: expected at most ${MAX_WORKFLOW_DEPTH} workflows in each other`)
    if (this.#around.has(data.kwargs)) throw new ArgumentError(`${name}: a workflow cannot be a part of itself`)
    this.#around.add(data.kwargs)
    if (kind === undefined) this.#checkTask(data, name)
    for (const [inner, part] of partsOf(data, kind ?? data.task)) this.check(inner, `${path}${part}.`, depth + 1)
    this.#around.delete(data.kwargs)
  }

  #checkTask({ task, args, kwargs }: SignatureData, name: string): void {
    this.#left -= 1
    if (this.#left < 0)
      throw new ArgumentError(`${name}: expected at most ${MAX_WORKFLOW_TASKS} tasks in one workflow, got more`)
    try {
      const serializer = this.#serializerOf(task)
      assertEncodable(args, 'args', serializer)
      assertEncodable(kwargs, 'kwargs', serializer)
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error
      throw new EncodeError(`${name}: ${error.message}`, { cause: error.cause })
    }
  }
}

/** The signatures in a signature, each with its name in a path. */
function* partsOf(data: SignatureData, name: string): Generator<[SignatureData, string]> {
  const { link, link_error } = data.options
  for (const [list, key] of [[link, 'link'] as const, [link_error, 'linkError'] as const])
    for (const [index, one] of (readSignatures(list, `${name}.${key}`) ?? []).entries())
      yield [one, `${name}.${key}[${index}]`]
  const kind = canvasOf(data)
  if (kind === 'chain' || kind === 'group')
    for (const [index, one] of tasksOf(data, name).entries()) yield [one, `${name}[${index}]`]
  if (kind !== 'chord') return
  const { header, body } = chordParts(data, name)
  for (const [index, one] of header.entries()) yield [one, `${name}.header[${index}]`]
  yield [body, `${name}.body`]
}
