import { parentPort, workerData } from 'node:worker_threads'
import { connectRedis } from './client.ts'
import { Keys } from './keys.ts'
import type { LeaseCommand, LeaseFacts, LeaseReport } from './leases.ts'
import { RENEW } from './scripts.ts'

/* The thread of `LeaseKeeper`. */

/** How many leases one command renews. */
const BATCH = 500

const { url, prefix, lease, scoreOffset } = workerData as LeaseFacts
const port = parentPort as NonNullable<typeof parentPort>
const connection = connectRedis(url, { keyPrefix: prefix })
const keys = new Keys(prefix, connection.db)
const held = new Map<string, number>()

async function renew(): Promise<void> {
  const pairs = [...held]
  try {
    for (let from = 0; from < pairs.length; from += BATCH) {
      const args = pairs.slice(from, from + BATCH).flat()
      await connection.script(RENEW, [keys.unacked, keys.index], [scoreOffset, ...args])
    }
    report(undefined)
  } catch (error) {
    // Renewed at the next turn, if the store is back before the lease is over.
    report(error as Error)
  }
}

function report(problem: Error | undefined): void {
  port.postMessage({ problem } satisfies LeaseReport)
}

const renewing = setInterval(() => void renew(), lease / 4)

port.on('message', (command: LeaseCommand) => {
  if ('add' in command) for (const { tag, token } of command.add) held.set(tag, token)
  if ('remove' in command) for (const { tag, token } of command.remove) if (held.get(tag) === token) held.delete(tag)
  if ('close' in command) {
    clearInterval(renewing)
    port.close()
    void connection.close()
  }
})
