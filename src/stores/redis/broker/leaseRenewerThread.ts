import { parentPort, workerData } from 'node:worker_threads'
import { pieces } from '../../../std/chunks.ts'
import { connectRedis } from '../connection/client.ts'
import { Keys } from './keys.ts'
import type { LeaseCommand, LeaseFacts, LeaseReport } from './leaseRenewer.ts'
import { LeaseTable } from './leaseTable.ts'
import { RENEW } from './scripts.ts'

/* The thread of `LeaseRenewer`. */

const MAX_LEASES_PER_COMMAND = 500

const { url, prefix, lease, scoreOffset, tables: memory } = workerData as LeaseFacts
const port = parentPort as NonNullable<typeof parentPort>
const connection = connectRedis(url)
const keys = new Keys(prefix, connection.db)
const tables = memory.map((one) => new LeaseTable(one))

async function renew(): Promise<void> {
  const claims = tables.flatMap((table) => table.claims())
  const tags = claims.flatMap(({ name, count }) => Array.from({ length: count }, (_, at) => `${name}${at + 1}`))
  try {
    for (const some of pieces(tags, MAX_LEASES_PER_COMMAND)) {
      await connection.script(RENEW, [keys.unacked, keys.index], [scoreOffset, ...some])
    }
    report(undefined)
  } catch (error) {
    // Renewed in the next round, if the store is available again before the lease expires.
    report(error as Error)
  }
}

function report(problem: Error | undefined): void {
  port.postMessage({ problem } satisfies LeaseReport)
}

const renewing = setInterval(() => void renew(), lease / 4)

// From now on it handles commands.
report(undefined)
port.on('message', (command: LeaseCommand) => {
  if ('table' in command) tables.push(new LeaseTable(command.table))
  if ('close' in command) {
    clearInterval(renewing)
    port.close()
    void connection.close()
  }
})
