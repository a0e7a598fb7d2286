import type { SubmissionMetadata } from '../../backend/unitOfWork.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { keptArguments } from '../../protocol/serializer.ts'
import { isRecord } from '../../std/isRecord.ts'
import type { Given } from '../../tasks/bind.ts'
import { contentOf } from '../dead/info.ts'
import { keptInput, type Stores } from '../stores.ts'

/** A job, and what its stores know of it. */
export interface InputSource {
  readonly id: string
  readonly metadata: SubmissionMetadata | undefined
  readonly meta: TaskMeta | undefined
}

type InputStores = Pick<Stores, 'backend' | 'opens' | 'payloads'>

/** Reads an input. Rejects with CodecError, PayloadError, StoreUnavailableError. */
export type ReadInput = () => Promise<Given>

/**
 * What jobs were called with, in their order: as it is kept (`keepInput`), else as the record has it (Celery's
 * `result_extended`), else as the message of a dead letter has it; undefined where nothing has it. Rejects with
 * PayloadError, StoreUnavailableError.
 */
export async function knownInputs(
  stores: InputStores,
  sources: readonly InputSource[],
): Promise<(ReadInput | undefined)[]> {
  const found = sources.map(({ id, metadata, meta }): ReadInput | undefined => {
    const { input } = metadata ?? {}
    if (input !== undefined) return async () => keptArguments(await keptInput(stores, id, input))
    return readerOf(meta && !meta.problem ? meta : {})
  })
  const missing = sources.flatMap(({ id }, at) => (found[at] ? [] : [id]))
  if (missing.length === 0) return found
  const letters = new Map<string, ReadInput | undefined>()
  for (const letter of (await (await stores.backend.deadLetters?.())?.load(missing)) ?? [])
    if (letter) letters.set(letter.id, readerOf(await contentOf(letter, stores)))
  return found.map((read, at) => read ?? letters.get((sources[at] as InputSource).id))
}

/** Of the arguments in a record or a message; undefined where it has none, or something else in their place. */
function readerOf({ args, kwargs }: { readonly args?: unknown; readonly kwargs?: unknown }): ReadInput | undefined {
  const named = kwargs ?? {}
  if (!Array.isArray(args) || !isRecord(named)) return undefined
  return () => Promise.resolve({ args, kwargs: named })
}
