import { startNode, startPython } from '../harness/performer.ts'
import type { Semantics } from '../harness/scenario.ts'
import { askVersion, type Side } from '../harness/side.ts'
import type { RabbitmqStore } from '../stores/rabbitmq.ts'
import { versionIn, versionsOf } from '../versions.ts'

/** The same for all: classic durable queues, persistent messages, publishing confirmed. */
const DURABLE = 'from its confirmation: a crash or restart of the server loses nothing'
const EVENTS = 'none; with rpc:// the result goes to its caller'

const CELERY = {
  messages: (store: RabbitmqStore) => store.messages('celery'),
  results: (store: RabbitmqStore) => store.results('celery'),
}

export const celeriac: Side<RabbitmqStore> = {
  name: 'celeriac',
  semantics: {
    ack: "late, answered by the server; the server requeues a dead worker's messages",
    result: 'confirmed before the ack, to the caller (rpc://) or stored until it expires (Redis)',
    durable: DURABLE,
    events: EVENTS,
  },
  inFlight: 1000,
  rate: 17_000,
  version: async ({ root }) => versionIn(root),
  start: startNode('celeriac.ts'),
  ...CELERY,
}

export const celery: Side<RabbitmqStore> = {
  name: 'Celery',
  semantics: {
    ack: 'late; prefork -c 2, calls one at a time',
    result: 'before the ack, to the caller (rpc://) or stored until it expires (Redis)',
    durable: DURABLE,
    events: 'none; worker events are off, as by default',
  },
  inFlight: 1,
  rate: 1500,
  version: ({ root }) => askVersion(startPython, root, ''),
  start: startPython,
  ...CELERY,
}

/** Both with the events of tasks, as Celery's tools receive them. */
export const eventful: readonly Side<RabbitmqStore>[] = [
  { ...celeriac, name: 'celeriac -E', start: startNode('celeriac.ts', { taskEvents: true }) },
  { ...celery, name: 'Celery -E', start: (order) => startPython(order, { taskEvents: true }) },
]

const BARE: Semantics = {
  ack: 'late: one acknowledgement per turn, prefetch 400',
  result: 'none; in the round trip an unconfirmed reply',
  durable: DURABLE,
  events: 'none',
}

const bareOf = (name: string, plain: boolean, semantics: Semantics): Side<RabbitmqStore> => ({
  name,
  semantics,
  inFlight: 1000,
  rate: 40_000,
  // The server takes longer to receive a message than to deliver it.
  maxBacklog: 200_000,
  version: async ({ root }) => versionsOf(root, ['amqplib']),
  start: startNode('bareRabbitmq.ts', { plain }),
  messages: (store) => store.messages('bench'),
})

/** A loop over amqplib with the message of a task. */
export const bare = bareOf('bare', false, BARE)
/** The same with 600 bytes without headers. */
export const plain = bareOf('plain', true, { ...BARE, ack: `${BARE.ack}; messages without headers` })
