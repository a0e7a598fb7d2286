import { type OnceRules, onceRuleOf } from '../config/task/onceOptions.ts'
import { chordParts, tasksOf } from '../protocol/canvas.ts'
import { assertEncodable, type SerializerName } from '../protocol/encoding.ts'
import { canvasOf, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { ArgumentError, DecodeError, EncodeError } from '../std/errors.ts'
import { checkOptions } from './prepareSignature.ts'

/** Most tasks of one workflow: links are counted, and of each chord one task of its body is not. */
export const MAX_WORKFLOW_TASKS = 100_000
/** Most signatures of one workflow: its tasks, and the chains, groups and chords around them. */
const MAX_SIGNATURES = 4 * MAX_WORKFLOW_TASKS
/** Deepest nesting of workflows in each other: what nests deeper could not be sent as JSON. */
const MAX_WORKFLOW_DEPTH = 20
const KINDS: ReadonlySet<string | undefined> = new Set([undefined, 'chain', 'group', 'chord'])

/** How the arguments of a task are sent. */
export type SerializerOf = (task: string) => SerializerName

/**
 * Check all that a workflow names, links too: that it is made of signatures, is not too large, and that all options and
 * arguments can be sent. Throws ArgumentError, or EncodeError for arguments, with the path of the member, as
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

/** Tasks, by name: of a registry what says whether calls of one share a key. */
export type KeyedTasks = ReadonlyMap<string, { readonly definition: { readonly options: OnceRules } }>

/**
 * Throws ArgumentError for a signature that names a task with `unique`, `debounce` or `throttle`: what a worker
 * sends asks for no key, and a workflow waits for each of its own tasks. `where` names it.
 */
export function refuseKeyed(data: SignatureData, tasks: KeyedTasks, where: string): void {
  // In most apps no task has any, and nothing is looked up in a workflow.
  const isKeyed = [...tasks.values()].some(({ definition }) => onceRuleOf(definition.options) !== undefined)
  if (isKeyed) refuseKeyedIn(data, tasks, where)
}

function refuseKeyedIn(data: SignatureData, tasks: KeyedTasks, where: string): void {
  const option = onceRuleOf(tasks.get(data.task)?.definition.options ?? NO_RULES)?.option
  if (option !== undefined)
    throw new ArgumentError(
      `${where}: expected tasks whose calls each make a job, got ${data.task} with ${option}: call it by delay or applyAsync`,
    )
  const kind = canvasOf(data)
  if (KINDS.has(kind) && hasParts(data, kind))
    for (const [inner] of partsOf(data, kind ?? data.task)) refuseKeyedIn(inner, tasks, where)
}

const NO_RULES: OnceRules = { unique: undefined, debounce: undefined, throttle: undefined }

class Checker {
  readonly #serializerOf: SerializerOf
  /** The members of those that the one at hand is part of. */
  readonly #around = new Set<SignatureData['kwargs']>()
  #tasksLeft = MAX_WORKFLOW_TASKS
  #signaturesLeft = MAX_SIGNATURES

  constructor(serializerOf: SerializerOf) {
    this.#serializerOf = serializerOf
  }

  check(data: SignatureData, path: string, depth: number): void {
    const kind = canvasOf(data)
    const name = path + (kind ?? data.task)
    if (!KINDS.has(kind))
      throw new ArgumentError(`${path}${data.task}: expected a task, a chain, a group or a chord, got a ${kind}`)
    this.#signaturesLeft -= 1
    if (this.#signaturesLeft < 0)
      throw new ArgumentError(`${name}: expected at most ${MAX_SIGNATURES} signatures in one workflow, got more`)
    if (depth > MAX_WORKFLOW_DEPTH)
      throw new ArgumentError(`${name}: expected at most ${MAX_WORKFLOW_DEPTH} workflows in each other`)
    if (this.#around.has(data.kwargs)) throw new ArgumentError(`${name}: a workflow cannot be a part of itself`)
    this.#around.add(data.kwargs)
    checkOptions(data.options, name)
    if (kind === undefined) this.#checkTask(data, name)
    if (kind === 'chord') this.#tasksLeft += 1
    if (hasParts(data, kind))
      for (const [inner, part] of partsOf(data, kind ?? data.task)) this.check(inner, `${path}${part}.`, depth + 1)
    this.#around.delete(data.kwargs)
  }

  #checkTask({ task, args, kwargs }: SignatureData, name: string): void {
    this.#tasksLeft -= 1
    if (this.#tasksLeft < 0)
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

/** False for most: a task that nothing follows. */
function hasParts({ options }: SignatureData, kind: string | undefined): boolean {
  return kind !== undefined || 'link' in options || 'link_error' in options || 'chain' in options
}

/** The signatures in a signature, each with its name in a path. */
function* partsOf(data: SignatureData, name: string): Generator<[SignatureData, string]> {
  const { link, link_error, chain } = data.options
  const lists = [[link, 'link'] as const, [link_error, 'linkError'] as const, [chain, 'options.chain'] as const]
  for (const [list, key] of lists)
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
