import type { FollowUp } from '../backend/followUp.ts'
import type { CallOptions } from '../config/callOptions.ts'
import { ArgumentError } from '../std/errors.ts'

/** A call option that a room above the app implements, and what follows from it: one item of `App.extensions`. */
export interface Extension {
  readonly option: 'webhook'
  /** The headers that carry a value of the option with the message. Throws ArgumentError for a wrong value. */
  headers(value: unknown, task: string): Readonly<Record<string, unknown>>
  /** What follows from the end of a task, by its headers. */
  readonly followUp: FollowUp
  /** Ids of the tasks that `followUp` may send after the end of a job: they have a copy of what it did. */
  followers(id: string): readonly string[]
}

const EXTENSION_OPTIONS: readonly Extension['option'][] = ['webhook']

/**
 * The headers of all such options of a call; undefined for a call without them. Throws ArgumentError for a wrong value,
 * and for an option that the app does not implement.
 */
export function extensionHeaders(
  options: Pick<CallOptions, Extension['option']>,
  task: string,
  extensions: readonly Extension[],
): Record<string, unknown> | undefined {
  let headers: Record<string, unknown> | undefined
  for (const option of EXTENSION_OPTIONS) {
    const value = options[option]
    if (value === undefined) continue
    const extension = extensions.find((one) => one.option === option)
    if (!extension)
      throw new ArgumentError(`task ${task}: ${option}: expected a Celeriac, got an App without this option`)
    headers = { ...headers, ...extension.headers(value, task) }
  }
  return headers
}
