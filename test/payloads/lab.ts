import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Celeriac, type CeleriacOptions } from '../../src/index.ts'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import type { PayloadOptions } from '../../src/payloads/payloadOptions.ts'
import { PayloadSweep } from '../../src/payloads/sweep.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { storesOf } from '../app/stores.ts'
import { emptySchema } from '../postgres/shared.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'

/** The stores on which large inputs and results are tried. */
export type StoreName = 'memory' | 'sqlite' | 'postgres' | 'redis' | 'rabbitmq + rpc' | 'rabbitmq + sqlite'

/** A folder of this test. */
export async function folderOfTest(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-payload-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** URLs of empty stores. */
export async function urlsOf(store: StoreName, folder: string): Promise<Pick<CeleriacOptions, 'broker' | 'backend'>> {
  const file = `sqlite:${join(folder, 'store.db')}`
  switch (store) {
    case 'memory':
      return { broker: 'memory:' }
    case 'sqlite':
      return { broker: file }
    case 'postgres':
      return { broker: await emptySchema() }
    case 'redis': {
      const server = await RedisServer.start()
      onTestFinished(() => server.stop())
      return { broker: server.url() }
    }
    case 'rabbitmq + rpc':
      return { broker: await emptyRabbit() }
    case 'rabbitmq + sqlite':
      return { broker: await emptyRabbit(), backend: file }
  }
}

/** An app whose inputs and results above 1 KiB are in a folder. */
export function appWith(folder: string, options: CeleriacOptions, payloads: Partial<PayloadOptions> = {}): Celeriac {
  const store = directoryPayloads(join(folder, 'payloads'))
  const app = new Celeriac({
    logger: createLogger('silent'),
    ...options,
    payloads: { store, threshold: '1 KiB', ...payloads },
  })
  onTestFinished(() => app.close())
  return app
}

/** A worker of this app, started. */
export async function working(app: Celeriac): Promise<Worker> {
  const worker = new Worker(app, { concurrency: 4 })
  onTestFinished(() => worker.stop({ grace: 0 }))
  await worker.start()
  return worker
}

/** Paths of the payloads below a folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const root = join(folder, 'payloads')
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  // One that is being written is none yet.
  const whole = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
  return whole.map(({ parentPath, name }) => join(parentPath, name))
}

/**
 * One walk over all keys, as a worker does it, when this much time has passed, ms. Returns how many payloads were
 * removed.
 */
export async function sweep(app: Celeriac, later: number): Promise<number> {
  const { payloads, broker, backend } = await storesOf(app)
  if (!payloads) throw new Error('the app has payloads')
  const { clock } = app.config
  const moved = { now: () => clock.now() + later, after: clock.after.bind(clock) }
  const { removed, end } = await new PayloadSweep({ config: payloads.config, broker, backend, clock: moved }).step()
  if (!end) throw new Error('one step is not all')
  return removed
}
