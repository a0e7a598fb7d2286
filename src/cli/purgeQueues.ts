import type { App } from '../app/app.ts'

/** Drop what waits in these queues, and print how many messages each had. */
export async function purgeQueues(app: App, queues: readonly string[]): Promise<void> {
  for (const queue of queues) process.stdout.write(`${queue}: ${messages(await app.purge(queue))} dropped\n`)
}

export function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}
