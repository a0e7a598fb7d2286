import type { Attributes } from '@opentelemetry/api'
import type { Processing, Publication, PublishedCall } from '../../app/lifeCycle/layers.ts'
import type { Job } from '../../protocol/job.ts'

/** Version of the semantic conventions of OpenTelemetry whose names of attributes and spans these are. */
export const CONVENTIONS_VERSION = '1.36.0'
export const SCHEMA_URL: string = `https://opentelemetry.io/schemas/${CONVENTIONS_VERSION}`

/** The messaging systems of the conventions by the scheme of a broker's URL; any other scheme stands for itself. */
const SYSTEMS: Readonly<Record<string, string>> = {
  amqp: 'rabbitmq',
  amqps: 'rabbitmq',
  postgres: 'postgresql',
  rediss: 'redis',
  valkeys: 'valkey',
}

/** The last broker: a process has one or two, and each span asks. */
let last: { readonly broker: string; readonly attributes: Attributes } | undefined

/** The messaging system, and the address of its server where it has one. No path, no user, no password. */
export function brokerAttributes(broker: string): Attributes {
  if (last?.broker !== broker) last = { broker, attributes: readBroker(broker) }
  return last.attributes
}

function readBroker(broker: string): Attributes {
  const scheme = /^[a-z][a-z\d]*/i.exec(broker)?.[0].toLowerCase() ?? 'unknown'
  const attributes: Attributes = { 'messaging.system': SYSTEMS[scheme] ?? scheme }
  const url = URL.canParse(broker) ? new URL(broker) : undefined
  if (!url?.hostname) return attributes
  attributes['server.address'] = url.hostname.replace(/^\[|\]$/g, '')
  if (url.port !== '') attributes['server.port'] = Number(url.port)
  return attributes
}

function messageAttributes({ id, rootId, task }: Pick<PublishedCall, 'id' | 'rootId' | 'task'>): Attributes {
  return { 'messaging.message.id': id, 'messaging.message.conversation_id': rootId, 'celeriac.task': task }
}

/** The queue of these calls; undefined where there are several. */
export function queueOf(calls: readonly PublishedCall[]): string | undefined {
  const queue = calls[0]?.queue
  return calls.every((call) => call.queue === queue) ? queue : undefined
}

/** Of a span `publish`. */
export function publishAttributes({ calls, broker }: Publication): Attributes {
  const [first] = calls
  const isSame = calls.every(({ task }) => task === first?.task)
  const what = isSame ? { 'celeriac.task': first?.task } : {}
  return {
    ...brokerAttributes(broker),
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    'messaging.destination.name': queueOf(calls),
    ...(first && calls.length === 1
      ? messageAttributes(first)
      : { ...what, 'messaging.batch.message_count': calls.length }),
  }
}

/** Of a span `process`. */
export function processAttributes(processing: Processing): Attributes {
  const { queue, hostname, retries, lost, waited, broker } = processing
  return {
    ...brokerAttributes(broker),
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': queue,
    'messaging.client.id': hostname,
    ...messageAttributes(processing),
    'celeriac.retries': retries,
    ...(lost > 0 && { 'celeriac.lost_runs': lost }),
    ...(waited !== undefined && { 'celeriac.queue_wait': waited / 1000 }),
  }
}

/** Of a span `run`. */
export function runAttributes(job: Job): Attributes {
  return { ...messageAttributes(job), 'celeriac.retries': job.retries }
}
