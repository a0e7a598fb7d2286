import { namePart } from '../std/id.ts'

/** Longest name before `.dead`, bytes: RabbitMQ's queues have at most 255. */
const MAX_NAME_BYTES = 250

/** The queue beside a queue that keeps what could not be run, with the reason in its headers. */
export function deadLetterQueue(queue: string): string {
  return `${namePart(queue, MAX_NAME_BYTES)}.dead`
}
