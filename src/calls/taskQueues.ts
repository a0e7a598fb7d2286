import type { Config } from '../config/config.ts'
import type { AnyTask } from './task.ts'

/** Names of the queues of an app: its own, and those that its tasks go to, and these others. */
export function taskQueues(
  config: Config,
  tasks: ReadonlyMap<string, AnyTask>,
  others: Iterable<string> = [],
): string[] {
  const own = [...tasks.values()].map(
    ({ definition: { name, options } }) => options.queue ?? config.route?.(name)?.queue,
  )
  const more = [...others].filter((name) => !tasks.has(name)).map((name) => config.route?.(name)?.queue)
  return [...new Set([config.queue, ...own, ...more])].filter((queue) => queue !== undefined)
}
