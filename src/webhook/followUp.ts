import { type EndedTask, type Following, type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import { customHeader } from '../protocol/callHeaders.ts'
import { FAILURE } from '../protocol/states.ts'
import { WEBHOOK_HEADER, WEBHOOK_TASK } from './header.ts'
import { deliveryOf } from './message.ts'

/**
 * The delivery of a job's webhook follows from the job's end, also for a job without a record. A delivery that failed
 * for good is kept in the dead-letter queue, from which it can be sent by hand.
 */
export const webhookFollowUp: FollowUp = (end: EndedTask): Following => {
  const delivery = customHeader(end.headers, WEBHOOK_HEADER) === undefined ? undefined : deliveryOf(end)
  const deadLetter = end.message?.task === WEBHOOK_TASK && end.meta.status === FAILURE
  if (!delivery) return deadLetter ? { ...NOTHING_FOLLOWS, deadLetter } : NOTHING_FOLLOWS
  return { publish: [delivery.message], also: end.listed ? [delivery.meta] : [], children: [], deadLetter }
}
