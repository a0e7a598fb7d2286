import { describe, it } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { MemoryBackend } from '../../src/backend/memory.ts'
import { MemoryBroker } from '../../src/broker/memory.ts'
import { backendSuite } from '../../src/testing/backendSuite.ts'
import { jointSuite } from '../../src/testing/jointSuite.ts'

const open = (broker: MemoryBroker, serializer: BackendOptions['serializer'] = 'json'): MemoryBackend =>
  new MemoryBackend({ expires: 60_000, serializer, accept: ['json'], broker })

for (const serializer of ['json', 'msgpack'] as const) {
  backendSuite({ describe, it }, `memory, ${serializer}`, async () => {
    const backend = open(new MemoryBroker(), serializer)
    return { backend, close: () => backend.close() }
  })
}

jointSuite({ describe, it }, 'memory', async () => {
  const broker = new MemoryBroker()
  const backend = open(broker)
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
  }
  return { broker, backend, close }
})
