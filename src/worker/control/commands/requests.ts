import { MAX_REVOKED } from '../../../backend/retention.ts'
import { isSet } from '../../../protocol/control.ts'
import { encodePlain } from '../../../protocol/encoding.ts'
import { pythonRepr, reprArgs, reprKwargs } from '../../../protocol/repr.ts'
import { shownCall } from '../../../tasks/bind.ts'
import type { Request } from '../../task/request.ts'
import type { Arguments, Command, CommandContext } from '../controlled.ts'
import { textsOf } from './arguments.ts'

/** Longest arguments of a task in an answer, as JSON, in characters; longer ones are shown as text that is cut. */
const MAX_ARGUMENTS_LENGTH = 16_384

/** What the worker holds, and what is revoked. */
export const REQUEST_COMMANDS: Readonly<Record<string, Command>> = {
  active: ({ safe }, context) =>
    [...context.state.running.values()].map((request) => infoOf(request, context, isSet(safe))),
  reserved: (_, context) => context.state.reserved.map((request) => infoOf(request, context)),
  // A task that is not due is put back into its queue, and the store keeps it until its time.
  scheduled: () => [],
  query_task: queryTask,
  revoked: (_, { state }) => state.revoked.all(),
}

function queryTask({ ids }: Arguments, context: CommandContext): unknown {
  const { running, reserved } = context.state
  if (ids === undefined || ids === null) throw new TypeError('ids: expected an id or a list of ids, got None')
  const wanted = new Set(textsOf(ids, 'ids', MAX_REVOKED))
  const held = reserved.filter(({ id }) => wanted.has(id))
  const active = [...running.values()].filter(({ id }) => wanted.has(id))
  return Object.fromEntries([
    ...held.map((request) => [request.id, ['reserved', infoOf(request, context)]] as const),
    ...active.map((request) => [request.id, ['active', infoOf(request, context)]] as const),
  ])
}

/** A request as Celery describes it. `safe`: its arguments as text. */
export function infoOf(request: Request, context: CommandContext, safe = false): Readonly<Record<string, unknown>> {
  const { shown: message, delivery, facts, begun, acked, definition } = request
  const { argsrepr, kwargsrepr } = message
  const { args, kwargs } = shownCall(message, facts.concealed, definition)
  const { exchange = '', routingKey = delivery.queue } = delivery.route ?? {}
  return {
    id: request.id,
    name: facts.task,
    args: safe ? (argsrepr ?? reprArgs(message.args)) : shownValue(args),
    kwargs: safe ? (kwargsrepr ?? reprKwargs(message.kwargs)) : shownValue(kwargs),
    type: facts.task,
    hostname: context.worker.hostname,
    time_start: begun === undefined ? null : begun / 1000,
    acknowledged: acked,
    delivery_info: {
      exchange,
      routing_key: routingKey,
      priority: message.priority ?? delivery.envelope.properties.priority ?? noPriority(context),
      redelivered: delivery.redelivered,
    },
    worker_pid: begun === undefined ? null : pidOf(request, context),
  }
}

/** Of a message without one, as kombu has it: RabbitMQ's are without, all others' have the lowest. */
function noPriority({ app }: CommandContext): 0 | null {
  return app.config.broker.scheme?.startsWith('amqp') ? null : 0
}

/** Of the process that runs it. */
export function pidOf({ id }: Request, { worker }: CommandContext): number {
  const children = worker.pools.flatMap((pool) => pool.children ?? [])
  return children.find(({ job }) => job === id)?.pid ?? process.pid
}

/** As it is, where plain JSON has words for it and it is not too long; else as text. */
function shownValue(value: unknown): unknown {
  try {
    const plain = encodePlain(value, 'arguments', 'json', 5, false)
    if (JSON.stringify(plain).length <= MAX_ARGUMENTS_LENGTH) return value
  } catch {
    // A value that plain JSON cannot contain, as a date.
  }
  return pythonRepr(value)
}
