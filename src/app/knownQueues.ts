import { namePart } from '../std/id.ts'
import type { App } from './app.ts'

/** Names of the queues that an app knows: its own, and those that its tasks go to, and these others. */
export function queuesOf({ config, tasks }: App, others: Iterable<string> = []): string[] {
  const own = [...tasks.values()].map(
    ({ definition: { name, options } }) => options.queue ?? config.route?.(name)?.queue,
  )
  const more = [...others].filter((name) => !tasks.has(name)).map((name) => config.route?.(name)?.queue)
  return [...new Set([config.queue, ...own, ...more])].filter((queue) => queue !== undefined)
}

/** Longest name before `.dead`, bytes: RabbitMQ's queues have at most 255. */
const MAX_NAME_BYTES = 250

/** The queue beside a queue that keeps what could not be run, with the reason in its headers. */
export function deadLetterQueue(queue: string): string {
  return `${namePart(queue, MAX_NAME_BYTES)}.dead`
}
