import { readSignature, readSignatures, type SignatureData } from '../protocol/signature.ts'

/** Options of a signature, in Celery's names and units. */
export type Options = SignatureData['options']

/** Membership of a group: whose part the end of a signature is. */
export interface Part {
  readonly group_id: string
  /** Absent for a member that was added: it comes last. */
  readonly group_index?: number | undefined
  /** The body of the chord of which the group is the header. */
  readonly chord?: SignatureData
}

/** What is at the end of a signature, of whatever kind it is: a chain has it on its last step, a chord on its body. */
export interface End {
  /** Its id, unless it has one. */
  readonly id?: string | undefined
  readonly part?: Part | undefined
  readonly links?: readonly SignatureData[] | undefined
  /** What follows it, reversed. */
  readonly chain?: readonly SignatureData[] | undefined
}

/** The options of a signature in two parts: what belongs to its end, and the rest. */
export interface SplitOptions {
  readonly end: End
  /** Sent when it fails, wherever it fails. */
  readonly errbacks: readonly SignatureData[]
  readonly rest: Options
}

/** Read the options of a workflow. Throws DecodeError. */
export function splitOptions({ task, options }: SignatureData): SplitOptions {
  const { task_id, group_id, group_index, chord, link, link_error, chain, ...rest } = options
  const path = `${task}.options`
  return {
    end: {
      id: typeof task_id === 'string' ? task_id : undefined,
      part: typeof group_id === 'string' ? partOf(group_id, group_index, chord, path) : undefined,
      links: readSignatures(link, `${path}.link`) ?? [],
      chain: readSignatures(chain, `${path}.chain`) ?? [],
    },
    errbacks: readSignatures(link_error, `${path}.link_error`) ?? [],
    rest,
  }
}

function partOf(group_id: string, index: unknown, chord: unknown, path: string): Part {
  const group_index = typeof index === 'number' ? index : undefined
  if (chord === undefined || chord === null) return { group_id, group_index }
  return { group_id, group_index, chord: readSignature(chord, `${path}.chord`) }
}

/** Add something to the end of a signature. Its own id stays, and so does its own chord, unless it gets another one. */
export function withEnd(signature: SignatureData, { id, part, links = [], chain = [] }: End): SignatureData {
  const { options } = signature
  const own = typeof options.task_id === 'string' ? options.task_id : undefined
  const keepsPart = part === undefined || (part.chord === undefined && options.chord)
  const more: Record<string, unknown> = { ...options, task_id: own ?? id }
  if (!keepsPart) Object.assign(more, part)
  if (links.length > 0) more.link = [...(readSignatures(options.link, 'options.link') ?? []), ...links]
  if (chain.length > 0) more.chain = [...chain, ...(readSignatures(options.chain, 'options.chain') ?? [])]
  return { ...signature, options: more }
}

/** Add errbacks to a signature. */
export function withErrbacks(signature: SignatureData, errbacks: readonly SignatureData[]): SignatureData {
  if (errbacks.length === 0) return signature
  const own = readSignatures(signature.options.link_error, 'options.link_error') ?? []
  return { ...signature, options: { ...signature.options, link_error: [...own, ...errbacks] } }
}

/** Set options over those of a signature. */
export function withOptions(signature: SignatureData, options: Options): SignatureData {
  if (Object.keys(options).length === 0) return signature
  return { ...signature, options: { ...signature.options, ...options } }
}

/** Put arguments before its own, unless it is immutable. */
export function withArgs(signature: SignatureData, args: readonly unknown[]): SignatureData {
  if (args.length === 0 || signature.immutable) return signature
  return { ...signature, args: [...args, ...signature.args] }
}
