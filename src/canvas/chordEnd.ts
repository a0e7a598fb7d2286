import type { ChordPart, CompleteChord } from '../backend/chords.ts'
import type { Writing } from '../backend/unitOfWork.ts'
import { decodeException, encodeException } from '../protocol/exception.ts'
import { ChordOnError, type MemberEnd, type OnError, plainBody } from '../protocol/onError.ts'
import type { ErrorInfo } from '../protocol/outcome.ts'
import type { RecordState } from '../protocol/record.ts'
import { pythonRepr } from '../protocol/repr.ts'
import { readSignatures, type SignatureData } from '../protocol/signature.ts'
import { FAILURE } from '../protocol/states.ts'
import { uuidOf } from '../std/id.ts'
import { type Advancer, endsWithChord, errbackFlow, recordsWithin, sending } from './advance.ts'
import { type BodyCall, readBodyCall, unsentParts } from './chordParts.ts'
import { type Expansion, expand } from './expand.ts'
import { endTasks, normalForm } from './normalForm.ts'
import { endId, endTask } from './outline.ts'
import type { Predecessor } from './prepareSignature.ts'

/** A part of a chord, as its store has it. */
export type Part = Omit<ChordPart, 'callback' | 'ends'>

/** The worker that joins the parts of a chord. */
export type Joiner = Pick<Advancer, 'app' | 'hostname' | 'listed' | 'owned'>

/** A complete chord whose callback was read. */
export interface ReadChord {
  readonly group: string
  readonly call: BodyCall
}

/** Throws DecodeError for a callback that cannot be read. */
export function readChord({ group, callback }: CompleteChord): ReadChord {
  return { group, call: readBodyCall(callback) }
}

/** What the parts of a chord come to, as its `onError` says, and that of each member. */
export class Gathered {
  readonly #onError: ChordOnError
  /** Parts that were added. */
  count = 0
  /** What the body gets. */
  readonly results: unknown[] = []
  /** Why the chord fails, by the first of them that fails it. */
  error: ErrorInfo | undefined
  /** The members that have not ended are to be revoked. */
  cancels = false

  constructor({ call }: ReadChord) {
    this.#onError = new ChordOnError(call.body)
  }

  /** In the order of the header. */
  add(part: Part): void {
    this.count += 1
    const { index, state, result } = part
    const own = this.#onError.of(index)
    if (state === 'SUCCESS') this.results.push(this.#onError.collects(index) ? memberEnd(part) : result)
    else if (own === 'collect') this.results.push(memberEnd(part))
    else if (own !== 'ignore') this.#fail(part, own)
  }

  #fail(part: Part, own: OnError): void {
    this.error ??= chordError(part)
    if (own === 'cancel') this.cancels = true
  }
}

function memberEnd({ state, taskId, result }: Part): MemberEnd<unknown> {
  if (state === 'SUCCESS') return { status: 'fulfilled', value: result }
  const { type, message } = decodeException(result)
  return { status: 'rejected', reason: { type, message, taskId } }
}

/**
 * The end of a chord whose members have all ended, and none of which fails it: its body is sent, with what it gets of
 * them before its own arguments. Throws for a body that cannot be sent, as `expand`.
 */
export function bodyWriting({ group, call }: ReadChord, results: readonly unknown[], joiner: Joiner): Writing {
  const before = predecessorOf(call, joiner)
  const now = joiner.app.config.clock.now()
  const expansion = expand(
    { signature: plainBody(call.body), args: [results], id: bodyId(group) },
    before,
    joiner.app,
    now,
  )
  return writingOf([expansion], joiner, { closes: group })
}

/**
 * The end of a chord that has failed: FAILURE of the body, and of all that was to follow from it; its errbacks are
 * sent, each with the body's id before its own arguments. Throws for errbacks that cannot be sent.
 */
export function failureWriting({ group, call }: ReadChord, error: ErrorInfo, joiner: Joiner): Writing {
  const now = joiner.app.config.clock.now()
  const body = normalForm(plainBody(call.body), bodyId(group))
  const id = endId(body)
  const ending: RecordState = { status: FAILURE, result: encodeException(error), traceback: null }
  const before = { ...predecessorOf(call, joiner), id }
  const flow = errbackFlow({ id, task: endTask(body) }, ending, endTasks(body)[0]?.options.headers)
  const errbacks = errbacksOf(call.body).map((signature, at) =>
    expand({ signature, args: [id], id: uuidOf(id, 'errback', String(at)), flow }, before, joiner.app, now),
  )
  const { also = [], ...writing } = writingOf(errbacks, joiner, { closes: group })
  const unsent = recordsWithin([body], call.id ?? '', ending, joiner, now, isSentOrJoined)
  return { ...writing, also: [...also, ...unsent], parts: unsentParts([body], ending, { ...call, id }) }
}

/** Id of the body's result: to find out whether another worker has ended it already. */
export function bodyIdOf({ group, call }: ReadChord): string {
  return endId(normalForm(plainBody(call.body), bodyId(group)))
}

/** Why a chord fails because of this part, in Celery's words. */
function chordError({ taskId, result }: Part): ErrorInfo {
  const { type, message, args } = decodeException(result)
  const shown = (args ?? [message]).map((one) => pythonRepr(one)).join(', ')
  return errorOfChord(`Dependency ${taskId} raised ${type}(${shown})`)
}

/** ChordError. */
export function errorOfChord(message: string): ErrorInfo {
  return { type: 'ChordError', message, module: 'celery.exceptions' }
}

/** Of a body that has none of its own, as no client of Celery sends it. */
function bodyId(group: string): string {
  return uuidOf(group, 'body')
}

function predecessorOf({ id, rootId, replyTo, context, trace }: BodyCall, { hostname }: Joiner): Predecessor {
  return { id, rootId, replyTo, origin: hostname, context, trace }
}

function writingOf(expansions: readonly Expansion[], joiner: Joiner, writing: Writing): Writing {
  const sends = expansions.flatMap((one) => one.sends)
  return { ...writing, ...sending(sends, joiner), opens: expansions.flatMap(({ opens }) => opens) }
}

function errbacksOf(body: SignatureData): readonly SignatureData[] {
  return readSignatures(body.options.link_error, 'options.link_error') ?? []
}

/** Errbacks are sent; an outer chord ends by itself. */
function isSentOrJoined(name: string, options: Readonly<Record<string, unknown>>): boolean {
  return name === 'link_error' || endsWithChord(name, options)
}
