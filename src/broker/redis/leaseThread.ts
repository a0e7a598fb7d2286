import { parentPort, workerData } from 'node:worker_threads'
import { connectRedis } from './client.ts'
import { Keys } from './keys.ts'
import type { LeaseCommand, LeaseFacts } from './leases.ts'
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
  for (let from = 0; from < pairs.length; from += BATCH) {
    const args = pairs.slice(from, from + BATCH).flat()
    try {
      await connection.script(RENEW, [keys.unacked, keys.index], [scoreOffset, ...args])
    } catch {
      // The store is away: the worker itself says so. Renewed at the next turn, if it is back before the lease is over.
      return
    }
  }
}

const renewing = setInterval(() => void renew(), lease / 4)

port.on('message', (command: LeaseCommand) => {
  if ('add' in command) for (const { tag, token } of command.add) held.set(tag, token)
  if ('remove' in command) for (const tag of command.remove) held.delete(tag)
  if ('close' in command) {
    clearInterval(renewing)
    port.close()
    void connection.close()
  }
})
