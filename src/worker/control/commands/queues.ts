import { bindingOf, type ExchangeKind } from '../../../broker/broker.ts'
import type { QueueOptions } from '../../../broker/queueOptions.ts'
import type { Arguments, Command, CommandContext, TakenQueues } from '../controlled.ts'
import { textOf, textsOf, wholeOf } from './arguments.ts'

/** What it takes from, and what was given up of it: that is of the store, whichever worker is asked. */
export const QUEUE_COMMANDS: Readonly<Record<string, Command>> = {
  active_queues: (_, { worker, intake }) => worker.queues.map((name) => queueInfo(name, intake())),
  add_consumer: addConsumer,
  cancel_consumer: async ({ queue }, { worker }) => {
    const name = textOf(queue, 'queue')
    await worker.cancelQueue(name)
    return { ok: `no longer consuming from ${name}` }
  },
  dead_letters: deadLetters,
  redrive: async ({ ids }, { app }) => {
    const wanted = textsOf(ids, 'ids', MAX_REDRIVEN)
    if (wanted.length === 0) throw new TypeError('redrive: expected ids of dead letters, got none')
    const { ids: sent, gone, succeeded } = await app.deadLetters.redrive({ ids: wanted })
    return { ok: `sent again: ${sent.length} of ${wanted.length}`, ids: sent, gone, succeeded }
  },
}

/** Dead letters of one answer, and of one command. */
const MAX_LETTERS = 1000
const DEFAULT_LETTERS = 20
const MAX_REDRIVEN = 1000

/** The newest. Times in seconds, as in all answers. */
async function deadLetters({ limit, task }: Arguments, { app }: CommandContext): Promise<unknown> {
  const count = Math.min(wholeOf(limit, 'limit', 1, DEFAULT_LETTERS), MAX_LETTERS)
  const name = task === undefined || task === null ? undefined : textOf(task, 'task')
  const { letters } = await app.deadLetters.list({ task: name, limit: count })
  return {
    count: await app.deadLetters.count(),
    letters: letters.map(({ id, task: of, queue, reason, error, diedAt, worker, retries }) => ({
      ...{ id, name: of ?? null, queue, reason, error: `${error.type}: ${error.message}` },
      ...{ died: diedAt.getTime() / 1000, hostname: worker, retries: retries ?? null },
    })),
  }
}

/** A queue that the app binds by its options keeps its binding, as in Celery. */
async function addConsumer(given: Arguments, { worker, app }: CommandContext): Promise<unknown> {
  const name = textOf(given.queue, 'queue')
  const known = app.config.queues[name]
  await worker.addQueue(name, known?.exchange || known?.broadcast ? undefined : optionsGiven(name, given))
  return { ok: `add consumer ${name}` }
}

/** Undefined for a queue that receives messages by its own name. Throws ArgumentError. */
function optionsGiven(name: string, given: Arguments): QueueOptions | undefined {
  const exchange = given.exchange ? textOf(given.exchange, 'exchange') : name
  const type = (given.exchange_type || 'direct') as ExchangeKind
  const routingKey = given.routing_key ? textOf(given.routing_key, 'routing_key') : name
  if (exchange === name && type === 'direct' && routingKey === name) return undefined
  return { exchange: { name: exchange, type }, ...(type !== 'fanout' && { routingKey }) }
}

/** A queue as kombu describes it, `Queue.as_dict(recurse=True)`; one that is paused says so. */
function queueInfo(name: string, taken: TakenQueues | undefined): Readonly<Record<string, unknown>> {
  const queue = taken?.named(name)
  const { exchange, kind, routingKey = '' } = queue?.bindings?.[0] ?? bindingOf(name)
  const isTransient = queue?.transient === true
  return {
    name: queue?.name ?? name,
    exchange: {
      name: exchange,
      type: kind,
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: routingKey,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: isTransient,
    no_ack: false,
    alias: isTransient ? name : null,
    bindings: [],
    no_declare: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
    ...(taken?.isPaused(name) && { paused: true }),
  }
}
