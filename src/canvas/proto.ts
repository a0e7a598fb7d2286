import type { ChordPart, ChordStore, CompleteChord } from '../backend/chords.ts'
import { type Following, type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { UnitOfWork } from '../backend/unitOfWork.ts'
import { encodeException } from '../protocol/exception.ts'
import { unsentRecord } from '../protocol/record.ts'
import { readSignature, readSignatures, type SignatureData } from '../protocol/signature.ts'
import { FAILURE, isFinal, SUCCESS } from '../protocol/states.ts'
import { isoOf } from '../std/clock.ts'
import { uuidOf } from '../std/id.ts'
import { isRecord } from '../std/isRecord.ts'
import { expand } from './expand.ts'
import type { CanvasApp, Predecessor, SignatureCall } from './prepareSignature.ts'

/*
 * A first version of the parts and the joiner, for the tests of Redis: it gives no part where a message is not decoded,
 * and does not wait for a store that is unavailable.
 */

/** The part of a member that ended, and of the last step of a chain that will not be sent. */
export const chordParts: FollowUp = ({ message, meta }): Following => {
  const { status: state, result } = meta
  if (!message || !isFinal(state)) return NOTHING_FOLLOWS
  const { embed, group, groupIndex: index, id: taskId, rootId, replyTo } = message
  const callbackOf = (body: unknown): string => JSON.stringify({ body, rootId, replyTo, id: taskId })
  const parts: ChordPart[] = []
  if (embed.chord && group) parts.push({ group, index, taskId, state, result, callback: callbackOf(embed.chord) })
  const { chord, group_id, group_index, task_id } = embed.chain?.[0]?.options ?? {}
  if (state !== SUCCESS && chord && typeof group_id === 'string' && typeof task_id === 'string') {
    const place = typeof group_index === 'number' ? group_index : undefined
    parts.push({ group: group_id, index: place, taskId: task_id, state, result, callback: callbackOf(chord) })
  }
  return parts.length > 0 ? { ...NOTHING_FOLLOWS, parts } : NOTHING_FOLLOWS
}

/** Where bodies are sent from. */
export interface JoinerParts {
  readonly app: CanvasApp
  readonly hostname: string
  readonly chords: ChordStore
  readonly unitOfWork: UnitOfWork
  readonly error: (error: unknown) => void
}

const SWEEP_INTERVAL_MS = 2000
const LISTENER_TIME_MS = 5000

/** Sends the bodies of complete chords. Answers what ends that. */
export function joiner(facts: JoinerParts): () => Promise<void> {
  const { app, chords, error } = facts
  const joining = (chord: CompleteChord): Promise<void> => join(chord, facts).catch(error)
  const stop = chords.onComplete((chord) => void joining(chord))
  const sweep = async (): Promise<void> => {
    for (const chord of await chords.complete(app.config.clock.now() - LISTENER_TIME_MS, 10)) await joining(chord)
  }
  const timer = setInterval(() => void sweep().catch(error), SWEEP_INTERVAL_MS)
  return async () => {
    clearInterval(timer)
    stop()
  }
}

async function join({ group, callback }: CompleteChord, { app, hostname, chords, unitOfWork }: JoinerParts) {
  const given = JSON.parse(callback) as { body: unknown; rootId: string; replyTo?: string; id: string }
  const body = readSignature(given.body, 'body')
  const before: Predecessor = { id: given.id, rootId: given.rootId, replyTo: given.replyTo, origin: hostname }
  const id = String(body.options.task_id)
  const now = app.config.clock.now()
  const results: unknown[] = []
  let failed: Omit<ChordPart, 'callback'> | undefined
  for (let from: number | undefined = 0; from !== undefined; ) {
    const slice: Awaited<ReturnType<ChordStore['parts']>> = await chords.parts(group, from)
    results.push(...slice.parts.map(({ result }) => result))
    failed ??= slice.parts.find(({ state }) => state !== SUCCESS)
    from = slice.next
  }
  const calls: SignatureCall[] = failed ? errbacks(body, id) : [{ signature: body, args: [results], id }]
  const expanded = calls.map((call) => expand(call, failed ? { ...before, id } : before, app, now))
  const publish = expanded.flatMap(({ sends }) => sends.map(({ submission }) => submission.message))
  const opens = expanded.flatMap((one) => one.opens)
  const meta = failed && unsentRecord(id, ending(failed), isoOf(now), { name: body.task, worker: hostname })
  await unitOfWork.write({ meta, publish, opens, closes: group })
}

function errbacks(body: SignatureData, id: string): SignatureCall[] {
  const signatures = readSignatures(body.options.link_error, 'body.options.link_error') ?? []
  return signatures.map((signature, at) => ({ signature, args: [id], id: uuidOf(id, 'errback', String(at)) }))
}

function ending({ taskId, result }: Omit<ChordPart, 'callback'>) {
  const { exc_type, exc_message } = isRecord(result) ? result : {}
  const args = Array.isArray(exc_message) ? exc_message.map((one) => JSON.stringify(one)).join(', ') : ''
  const message = `Dependency ${taskId} raised ${exc_type}(${args})`
  const encoded = encodeException({ type: 'ChordError', module: 'celery.exceptions', message })
  return { status: FAILURE, result: encoded, traceback: null }
}
