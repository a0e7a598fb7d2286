import type { App } from '../app/app.ts'
import type { Following, FollowUp } from '../backend/followUp.ts'
import { NOTHING_FOLLOWS } from '../backend/followUp.ts'
import type { CompleteChord, ChordPart } from '../backend/chords.ts'
import type { Stores } from '../calls/stores.ts'
import { isoOf } from '../std/clock.ts'
import { unsentRecord } from '../protocol/record.ts'
import { readSignature, readSignatures } from '../protocol/signature.ts'
import { encodeException } from '../protocol/exception.ts'
import { uuidOf } from '../std/id.ts'
import { expand } from './expand.ts'

export const chordParts: FollowUp = ({ message, meta }): Following => {
  if (!message) return NOTHING_FOLLOWS
  const { embed, group, groupIndex, id, rootId, replyTo } = message
  const state = meta.status as ChordPart['state']
  const text = (body: unknown) => JSON.stringify({ body, rootId, replyTo, id })
  const parts: ChordPart[] = []
  if (embed.chord && group) parts.push({ group, index: groupIndex, taskId: id, state, result: meta.result, callback: text(embed.chord) })
  const last = embed.chain?.[0]
  if (state !== 'SUCCESS' && last?.options.chord) {
    const o = last.options as Record<string, any>
    parts.push({ group: o.group_id, index: o.group_index ?? undefined, taskId: o.task_id, state, result: meta.result, callback: text(o.chord) })
  }
  return parts.length ? { ...NOTHING_FOLLOWS, parts } : NOTHING_FOLLOWS
}

export function joiner(stores: Stores, hostname: string, app: App): () => Promise<void> {
  const { chords } = (stores as any).backend
  if (!chords) return async () => undefined
  const join = async ({ group, callback }: CompleteChord): Promise<void> => {
    try {
      const given = JSON.parse(callback)
      const body = readSignature(given.body, 'body')
      const results: unknown[] = []
      let failed: any
      for (let from: number | undefined = 0; from !== undefined; ) {
        const slice: any = await chords.parts(group, from)
        for (const part of slice.parts) { results.push(part.result); if (part.state !== 'SUCCESS') failed ??= part }
        from = slice.next
      }
      const now = Date.now()
      const id = String(body.options.task_id)
      const before = { id: given.id, rootId: given.rootId, replyTo: given.replyTo, origin: hostname }
      if (failed) {
        const { exc_type, exc_message } = failed.result
        const text = `Dependency ${failed.taskId} raised ${exc_type}(${exc_message.map((one: unknown) => JSON.stringify(one)).join(', ')})`
        const result = encodeException({ type: 'ChordError', module: 'celery.exceptions', message: text } as any)
        const calls = (readSignatures(body.options.link_error, 'x') ?? []).map((signature, index) => ({ signature, args: [id], id: uuidOf(id, 'errback', String(index)) }))
        const sends = calls.flatMap((call) => expand(call, { ...before, id }, app, now).sends)
        await stores.unitOfWork.write({ meta: unsentRecord(id, { status: 'FAILURE', result, traceback: null }, isoOf(now), { name: body.task, worker: hostname, parent_id: null }), publish: sends.map((s) => s.submission.message), closes: group })
        return
      }
      const { sends, opens } = expand({ signature: body, args: [results], id }, before, app, now)
      await stores.unitOfWork.write({ publish: sends.map((s) => s.submission.message), opens, closes: group })
    } catch (error) { console.error('JOIN', error) }
  }
  const end = chords.onComplete((chord: CompleteChord) => void join(chord))
  const timer = setInterval(async () => { try { for (const c of await chords.complete(Date.now() - 5000, 10)) await join(c) } catch (e) { console.error('SWEEP', e) } }, 2000)
  return async () => { clearInterval(timer); end() }
}
