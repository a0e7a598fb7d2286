import { describe, it } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { SqliteBackend } from '../../src/backend/sqlite.ts'
import { MemoryBroker } from '../../src/broker/memory.ts'
import { SqliteBroker } from '../../src/broker/sqlite/broker.ts'
import { backendSuite } from '../../src/testing/backendSuite.ts'
import { jointSuite } from '../../src/testing/jointSuite.ts'
import { Folder } from '../broker/sqlite/folder.ts'

const options: Omit<BackendOptions, 'broker'> = { expires: 60_000, serializer: 'json', accept: ['json'] }

for (const serializer of ['json', 'msgpack'] as const) {
  backendSuite({ describe, it }, `sqlite, ${serializer}`, async () => {
    const folder = new Folder()
    const open = (): SqliteBackend =>
      new SqliteBackend(folder.url(), { ...options, serializer, broker: new MemoryBroker() })
    const backend = open()
    const close = async (): Promise<void> => {
      await backend.close()
      folder.remove()
    }
    return { backend, second: async () => open(), close }
  })
}

jointSuite({ describe, it }, 'sqlite, one file', async () => {
  const folder = new Folder()
  const broker = new SqliteBroker(folder.url(), { lease: 30_000 })
  const backend = new SqliteBackend(folder.url(), { ...options, broker })
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
    folder.remove()
  }
  return { broker, backend, close }
})

jointSuite({ describe, it }, 'sqlite, two files', async () => {
  const folder = new Folder()
  const broker = new SqliteBroker(folder.url('messages.db'), { lease: 30_000 })
  const backend = new SqliteBackend(folder.url('results.db'), { ...options, broker })
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
    folder.remove()
  }
  return { broker, backend, close }
})
