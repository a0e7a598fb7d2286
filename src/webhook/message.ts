import type { EndedTask } from '../backend/followUp.ts'
import type { Message } from '../backend/unitOfWork.ts'
import { infoOf } from '../calls/jobInfo.ts'
import { encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../protocol/message.ts'
import { toJson } from '../protocol/plainJson.ts'
import { pendingRecord } from '../protocol/record.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { FAILURE, isFinal, REVOKED, SUCCESS } from '../protocol/states.ts'
import { isoOf } from '../std/clock.ts'
import { uuidOf } from '../std/id.ts'
import { isRecord } from '../std/isRecord.ts'
import { redactUrl } from '../std/url.ts'
import { WEBHOOK_HEADER, WEBHOOK_TASK } from './url.ts'

/**
 * The call of the task that delivers a webhook: its message, to send with the final record of the job, and its own
 * record.
 */
export interface WebhookDelivery {
  readonly message: Message
  readonly meta: TaskMeta
}

interface Subscription {
  readonly url: string
  readonly source: string
  readonly queue: string | undefined
}

/** Characters of JSON. The event leaves out a longer result; the receiver fetches it. */
const MAX_RESULT_LENGTH = 256 * 1024

/**
 * The delivery that follows from the end of a job; undefined for a job without a webhook. It is sent in the same write
 * as the record, so it is sent if and only if the job has ended. Its id is derived from the job and its state: a job
 * that ends twice has one delivery.
 */
export function deliveryOf(ended: EndedTask): WebhookDelivery | undefined {
  const { meta, headers, now } = ended
  const subscription = subscriptionOf(headers[WEBHOOK_HEADER])
  if (!subscription || !isFinal(meta.status)) return undefined
  const id = deliveryId(meta.task_id, meta.status)
  const queue = subscription.queue ?? ended.queue
  const message: TaskMessage = {
    id,
    task: WEBHOOK_TASK,
    args: [subscription.url, id, eventJson(id, subscription.source, meta, now)],
    argsrepr: JSON.stringify([redactUrl(subscription.url), id, '…']),
    kwargs: {},
    embed: NOTHING_EMBEDDED,
    retries: 0,
    rootId: typeof headers.root_id === 'string' ? headers.root_id : meta.task_id,
    parentId: meta.task_id,
    origin: ended.origin,
    ignoreResult: false,
    headers: {},
  }
  return {
    message: { envelope: encodeTask(message, 'json'), route: { exchange: '', routingKey: queue } },
    meta: pendingRecord(message, queue, isoOf(now)),
  }
}

/** Ids of the deliveries that a job may have: one for each state that it may end in. */
export function deliveryIds(job: string): string[] {
  return [SUCCESS, FAILURE, REVOKED].map((state) => deliveryId(job, state))
}

function deliveryId(job: string, state: string): string {
  return uuidOf(job, 'webhook', state)
}

/** The header is the URL alone if a Python client wrote it. No other program uses a header of this name. */
function subscriptionOf(header: unknown): Subscription | undefined {
  if (header === undefined || header === null) return undefined
  const given = isRecord(header) ? header : { url: header }
  const { url, source, queue } = given
  return {
    // Any text: the delivery refuses an invalid URL, and its record reports that.
    url: String(url),
    source: typeof source === 'string' ? source : 'urn:celeriac',
    queue: typeof queue === 'string' && queue !== '' ? queue : undefined,
  }
}

const EVENT_TYPES: Readonly<Record<string, string>> = { [SUCCESS]: 'succeeded', [FAILURE]: 'failed' }

/** A CloudEvent 1.0 in its structured JSON form. Text, since every attempt must send and sign the same bytes. */
function eventJson(id: string, source: string, meta: TaskMeta, now: number): string {
  const info = infoOf(meta)
  const result = info.state === SUCCESS ? toJson(info.result ?? null) : undefined
  const isLong = result !== undefined && result.length > MAX_RESULT_LENGTH
  const data = toJson({
    id: info.id,
    task: info.task ?? null,
    state: info.state,
    attempt: info.attempt,
    startedAt: info.startedAt ?? null,
    finishedAt: info.finishedAt ?? null,
    error: info.error && { type: info.error.type, message: info.error.message },
    resultOmitted: isLong ? true : undefined,
  })
  const event = JSON.stringify({
    specversion: '1.0',
    id,
    type: `celeriac.job.${EVENT_TYPES[info.state] ?? 'revoked'}.v1`,
    source,
    subject: info.id,
    time: isoOf(info.finishedAt?.getTime() ?? now),
    datacontenttype: 'application/json',
  })
  const full = result === undefined || isLong ? data : `${data.slice(0, -1)},"result":${result}}`
  return `${event.slice(0, -1)},"data":${full}}`
}
