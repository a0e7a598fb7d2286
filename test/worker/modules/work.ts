import type { App } from '../../../src/app/app.ts'
import { Worker } from '../../../src/worker/worker.ts'

/** A worker as all that this process does: says 'ready' to its parent, and ends when it is told anything. */
export async function work(app: App, hostname: string): Promise<void> {
  const worker = new Worker(app, { hostname })
  await worker.start()
  process.once('message', async () => {
    await worker.stop({ grace: 0 })
    await app.close()
    process.disconnect()
  })
  process.send?.('ready')
}
