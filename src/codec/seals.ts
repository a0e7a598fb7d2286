import type { AddedMember, ChordPart, CompleteChord, OpenChord } from '../backend/chords.ts'
import type { Change, Output } from '../backend/eventLog.ts'
import type { SerializerName } from '../protocol/encoding.ts'
import { isSealedText } from '../protocol/envelope.ts'
import { encodeException, errorInfo } from '../protocol/exception.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { FAILURE } from '../protocol/states.ts'
import { CodecError } from '../std/errors.ts'
import type { Codec } from './codec.ts'
import { SealedMessages } from './sealedMessages.ts'
import { SealedRecords } from './sealedRecords.ts'
import { Sealer } from './sealer.ts'

type Part = Pick<ChordPart, 'taskId' | 'state' | 'result'>

/** All that is sealed of one app. */
export class Seals {
  readonly sealer: Sealer
  readonly messages: SealedMessages
  readonly records: SealedRecords

  constructor(codec: Codec, serializer: SerializerName) {
    this.sealer = new Sealer(codec)
    this.messages = new SealedMessages(this.sealer)
    this.records = new SealedRecords(this.sealer, serializer)
  }

  output(output: Output): Output {
    const emissions = output.emissions.map((body) => this.records.sealEmission(output.id, body))
    return { ...output, emissions }
  }

  /** An emission that cannot be opened becomes a state with a problem. */
  change<Given extends Change>(given: Given): Given {
    const { emission } = given
    const meta = this.records.open(given.meta)
    if (!emission) return meta === given.meta ? given : { ...given, meta }
    try {
      return { ...given, meta, emission: this.records.openEmission(meta.task_id, emission) }
    } catch (problem) {
      if (!(problem instanceof CodecError)) throw problem
      return { ...given, meta: { ...meta, problem }, emission: undefined }
    }
  }

  openChord(chord: OpenChord): OpenChord {
    const { group, size, held, callback } = chord
    // Nothing else of it: what plans a workflow knows the call of the body in clear.
    const own = { group, size, ...(held && { held }) }
    return callback === undefined ? own : { ...own, callback: this.#call(group, callback) }
  }

  addedMember(member: AddedMember): AddedMember {
    const { group, callback } = member
    return callback === undefined ? member : { ...member, callback: this.#call(group, callback) }
  }

  /** `meta`: the record of the same write, and `sealed` what it became: mostly the part has its result. */
  part(part: ChordPart, meta?: TaskMeta, sealed?: TaskMeta): ChordPart {
    const { group, callback, taskId, state, result } = part
    const isSame = meta?.task_id === taskId && meta.status === state && meta.result === result
    const own = isSame && sealed ? sealed.result : this.records.sealResult(taskId, state, result)
    return { ...part, result: own, callback: this.#call(group, callback) }
  }

  /**
   * A part that was changed has failed. Throws CodecError for one whose key is not here: a worker that has it joins the
   * chord.
   */
  openPart<Given extends Part>(part: Given): Given {
    const { taskId, state, result } = part
    try {
      return { ...part, result: this.records.openResult(taskId, state, result) }
    } catch (error) {
      if (!(error instanceof CodecError) || error.code === 'NO_KEY') throw error
      return { ...part, state: FAILURE, result: encodeException(errorInfo(error)) }
    }
  }

  /** Sealed where it cannot be opened: its reader says so. */
  complete(chord: CompleteChord): CompleteChord {
    const { group, callback } = chord
    return { ...chord, callback: this.sealer.openText(callback, group, 'chord') }
  }

  /** An empty text is none; one that is sealed comes from an outbox. */
  #call(group: string, callback: string): string {
    return callback === '' || isSealedText(callback) ? callback : this.sealer.sealText(callback, group, 'chord', true)
  }
}
