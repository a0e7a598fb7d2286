import { type Emission, readEmission } from '../protocol/emission.ts'
import { encodePlain, type SerializerName } from '../protocol/encoding.ts'
import { CODEC_HEADER, unsealed } from '../protocol/envelope.ts'
import { hasError } from '../protocol/exception.ts'
import { HIDDEN } from '../protocol/repr.ts'
import { isReference, sealedResult, type TaskMeta } from '../protocol/result.ts'
import { ALL_CONTENT_TYPES, CONTENT_TYPES, deserialize, write } from '../protocol/serializer.ts'
import { PENDING, RECEIVED, STARTED, SUCCESS } from '../protocol/states.ts'
import { CodecError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import type { SealedField } from './codec.ts'
import type { Sealer } from './sealer.ts'

/** States of which a record says nothing that its task or its caller gave. */
const WITHOUT_PAYLOAD: ReadonlySet<string> = new Set([PENDING, RECEIVED, STARTED])
/** How the text of an emission begins. */
const EMISSION_START = /^\{"kind":"(chunk|log)","attempt":(\d{1,9}),/

/**
 * Seals what records and event logs say of tasks: the result with the traceback, as one text in place of the result.
 * Of an error its class stays.
 */
export class SealedRecords {
  readonly #sealer: Sealer
  readonly #serializer: SerializerName

  /** `serializer`: how results are written before they are sealed. */
  constructor(sealer: Sealer, serializer: SerializerName) {
    this.#sealer = sealer
    this.#serializer = serializer
  }

  /** Throws EncodeError. */
  seal(meta: TaskMeta): TaskMeta {
    const { task_id: id, status, result, traceback } = meta
    if (WITHOUT_PAYLOAD.has(status) || meta.problem || isOfCodec(result)) return meta
    return {
      ...meta,
      result: this.sealResult(id, status, result, traceback),
      traceback: traceback === null ? null : HIDDEN,
    }
  }

  /** Throws EncodeError. */
  sealResult(id: string, status: string, result: unknown, traceback: string | null = null): unknown {
    const plain = [result === undefined ? null : encodePlain(result, 'result', this.#serializer, 1), traceback]
    const sealed = this.#sealer.seal(write(plain, this.#serializer).body, id, fieldOf(status))
    return { ...classOf(status, result), [CODEC_HEADER]: sealed }
  }

  /** One that cannot be opened gets a problem that says why. */
  open(meta: TaskMeta): TaskMeta {
    const sealed = sealedResult(meta.result)
    if (sealed === undefined) return this.#accepted(meta)
    const { problem: _, ...rest } = meta
    try {
      const [result, traceback] = this.#opened(sealed, meta.task_id, meta.status)
      return { ...rest, result, traceback: typeof traceback === 'string' ? traceback : null }
    } catch (problem) {
      if (problem instanceof CodecError) return { ...rest, problem }
      throw problem
    }
  }

  /** One that is not sealed; where that is refused, with a problem: of an error its class stays. */
  #accepted(meta: TaskMeta): TaskMeta {
    const { task_id: id, status, result, problem } = meta
    if (!this.#sealer.required || problem || WITHOUT_PAYLOAD.has(status) || isInClear(result)) return meta
    return {
      ...meta,
      result: classOf(status, result) ?? null,
      traceback: null,
      problem: unsealed(`the record of ${id}`),
    }
  }

  /** Of a part of a chord. Throws CodecError. */
  openResult(id: string, status: string, result: unknown): unknown {
    return isInClear(result) ? result : this.openKept(id, status, result)
  }

  /** One that was kept elsewhere. Throws CodecError. */
  openKept(id: string, status: string, result: unknown): unknown {
    const sealed = sealedResult(result)
    if (sealed !== undefined) return this.#opened(sealed, id, status)[0]
    this.#sealer.accept(`the result of ${id}`)
    return result
  }

  /** Kind and attempt stay in clear. */
  sealEmission(id: string, body: string | Uint8Array): string | Uint8Array {
    const [, text, count] = (typeof body === 'string' && EMISSION_START.exec(body)) || []
    const { kind, attempt } = text === undefined ? readEmission(body) : { kind: text, attempt: Number(count) }
    return JSON.stringify({ kind, attempt, value: { [CODEC_HEADER]: this.#sealer.seal(body, id, 'output') } })
  }

  /** Throws CodecError. */
  openEmission(id: string, emission: Emission): Emission {
    const sealed = sealedResult(emission.value)
    if (sealed === undefined) {
      this.#sealer.accept(`the output of ${id}`)
      return emission
    }
    const bytes = this.#sealer.open(sealed, id, 'output')
    const { kind, attempt, value } = readEmission(bytes)
    if (kind === emission.kind && attempt === emission.attempt) return { kind, attempt, value }
    throw new CodecError(`the output of ${id}: expected that of run ${attempt}, got run ${emission.attempt}`)
  }

  #opened(sealed: unknown, id: string, status: string): readonly unknown[] {
    const bytes = this.#sealer.open(sealed, id, fieldOf(status))
    const isText = bytes[0] === 0x5b
    const [type, encoding] = isText ? [CONTENT_TYPES.json, 'utf-8'] : [CONTENT_TYPES.msgpack, 'binary']
    const read = deserialize(isText ? bytes.toString() : bytes, type, encoding, ALL_CONTENT_TYPES)
    if (Array.isArray(read) && read.length === 2) return read
    throw new CodecError(`the record of ${id}: expected a sealed result and traceback`)
  }
}

/** Never sealed: what says where a result is, and why a codec opened nothing. */
function isInClear(result: unknown): boolean {
  return isReference(result) || isOfCodec(result)
}

/** The class of an error, without what it says; undefined for any other result. */
function classOf(status: string, result: unknown): Record<string, unknown> | undefined {
  if (!hasError(status) || !isRecord(result) || typeof result.exc_type !== 'string') return undefined
  const { exc_type, exc_module = null, celeriac } = result
  const own = isRecord(celeriac) ? { celeriac: { ...celeriac, message: HIDDEN } } : {}
  return { exc_type, exc_message: [HIDDEN], exc_module, ...own }
}

/** Why a worker refused a sealed message: everyone may know, and a caller with another key can read it. */
function isOfCodec(result: unknown): boolean {
  return isRecord(result) && result.exc_type === 'CodecError' && result.exc_module === 'celeriac.errors'
}

function fieldOf(status: string): SealedField {
  if (status === SUCCESS) return 'result'
  return hasError(status) ? 'error' : 'progress'
}
