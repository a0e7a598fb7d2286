import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { textOf } from './arguments.ts'

/** What it takes from. */
export const QUEUE_COMMANDS: Readonly<Record<string, Command>> = {
  active_queues: (_, { worker }) => worker.queues.map(queueInfo),
  add_consumer: addConsumer,
  cancel_consumer: async ({ queue }, { worker }) => {
    const name = textOf(queue, 'queue')
    await worker.cancelQueue(name)
    return { ok: `no longer consuming from ${name}` }
  },
}

/** Messages reach a queue by its own name: what would need another exchange is refused. */
async function addConsumer(given: Arguments, { worker }: CommandContext): Promise<unknown> {
  const name = textOf(given.queue, 'queue')
  const { exchange, exchange_type: type, routing_key: key } = given
  const isOwn = (exchange ?? name) === name || exchange === ''
  if (!isOwn || (type ?? 'direct') !== 'direct' || (key ?? name) !== name)
    return { error: `add_consumer: expected the exchange and the routing key ${name}, as ours are, or none` }
  await worker.addQueue(name)
  return { ok: `add consumer ${name}` }
}

/** A queue as kombu describes it: `Queue.as_dict(recurse=True)`. */
function queueInfo(name: string): Readonly<Record<string, unknown>> {
  return {
    name,
    exchange: {
      name,
      type: 'direct',
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: name,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  }
}
