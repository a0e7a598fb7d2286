import type { StoreDriver } from '../store.ts'
import { MemoryBackend } from './backend.ts'
import { MemoryBroker } from './broker.ts'
import { MemoryScheduleStore } from './schedule.ts'

/** This process's memory. */
export const memoryStore: StoreDriver = {
  open: (_url, options, use) => {
    const broker = use.broker ? new MemoryBroker(options.clock, options.lease) : undefined
    const backend = use.backend ? new MemoryBackend(options) : undefined
    const schedule = new MemoryScheduleStore()
    return {
      broker,
      backend,
      schedule: async () => schedule,
      close: async () => {
        await backend?.close()
        await broker?.close()
      },
    }
  },
}
