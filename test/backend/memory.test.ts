import { describe, it } from 'vitest'
import type { BackendOptions } from '../../src/backend/backend.ts'
import { MemoryBackend } from '../../src/stores/memory/backend.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { SequentialUnitOfWork } from '../../src/stores/sequentialUnitOfWork.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { jobIndexSuite } from '../../src/testing/suites/jobIndexSuite.ts'
import { changeSuite } from '../../src/testing/suites/jobs/changeSuite.ts'
import { deadLetterSuite, SUITE_DEAD_LETTERS } from '../../src/testing/suites/jobs/deadLetterSuite.ts'
import { notesSuite } from '../../src/testing/suites/notesSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { type OpenedStores, unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'

const open = (serializer: BackendOptions['serializer'] = 'json'): MemoryBackend =>
  new MemoryBackend({
    expires: 60_000,
    serializer,
    accept: ['json'],
    eventLog: SUITE_EVENT_LOG,
    deadLetters: SUITE_DEAD_LETTERS,
  })

for (const serializer of ['json', 'msgpack'] as const) {
  const opened = async (): Promise<OpenedBackend> => {
    const backend = open(serializer)
    return { backend, close: () => backend.close() }
  }
  backendSuite({ describe, it }, `memory, ${serializer}`, opened)
  jobIndexSuite({ describe, it }, `memory, ${serializer}`, opened)
  notesSuite({ describe, it }, `memory, ${serializer}`, opened)
  revokedSuite({ describe, it }, `memory, ${serializer}`, opened)
  eventLogSuite({ describe, it }, `memory, ${serializer}`, opened)
}

const openStores = async (): Promise<OpenedStores> => {
  const broker = new MemoryBroker()
  const backend = open()
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
  }
  return { broker, backend, unitOfWork: new SequentialUnitOfWork(broker, backend), close }
}
unitOfWorkSuite({ describe, it }, 'memory', openStores)
changeSuite({ describe, it }, 'memory', openStores)
deadLetterSuite({ describe, it }, 'memory', openStores)
