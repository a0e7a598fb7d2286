import type { Consumer, Delivery, Route } from '../broker/broker.ts'
import type { Envelope, Properties } from '../protocol/envelope.ts'
import type { Job } from '../protocol/job.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'

/** A message whose task id and body are `id`. */
export function envelopeOf(id: string, properties: Partial<Properties> = {}): Envelope {
  return {
    headers: { id, task: 'suite.task' },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: id, ...properties },
    body: JSON.stringify(id),
  }
}

/** Straight to the queue of this name. */
export function toQueue(name: string): Route {
  return { exchange: '', routingKey: name }
}

/** The task ids of deliveries, in their order. */
export function idsOf(deliveries: readonly Delivery[]): (string | undefined)[] {
  return deliveries.map(({ envelope }) => envelope.properties.correlationId)
}

/** A record with this state; `fields` may change any of it. */
export function metaOf(id: string, status: string, fields: Partial<TaskMeta> = {}): TaskMeta {
  return {
    task_id: id,
    status,
    result: null,
    traceback: null,
    date_done: isFinal(status) ? new Date().toISOString() : null,
    children: [],
    ...fields,
  }
}

/** The call of a task, as a pool runs it: the first of a workflow, with no message. */
export function jobOf(id: string, task: string, args: readonly unknown[]): Job {
  return {
    id,
    task,
    args,
    kwargs: {},
    retries: 0,
    queue: 'celery',
    redelivered: false,
    lost: 0,
    headers: {},
    parentId: undefined,
    rootId: id,
    hostname: 'celery@suite',
  }
}

/** Acknowledge all deliveries until the consumer closes; `tell` is called with the id of each. */
export async function ackAll(consumer: Consumer, tell: (id: string) => void): Promise<void> {
  for await (const delivery of consumer) {
    tell(delivery.envelope.properties.correlationId ?? '')
    await delivery.ack()
  }
}
