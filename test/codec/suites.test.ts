import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import type { Broker, MessageBytes } from '../../src/broker/broker.ts'
import { sealedStores } from '../../src/codec/sealedStores.ts'
import { Seals } from '../../src/codec/seals.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { type OpenStores, openStores } from '../../src/stores/open.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import type { ChordFixture } from '../../src/testing/chordLab.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { chordWritesSuite } from '../../src/testing/suites/chordWritesSuite.ts'
import { eventLogSuite, SUITE_EVENT_LOG } from '../../src/testing/suites/eventLogSuite.ts'
import { type OpenedScheduleStore, schedulerSuite } from '../../src/testing/suites/schedulerSuite.ts'
import { unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { isFull } from '../tier.ts'
import { codecOf, KEYS } from './keys.ts'

/* The stores keep their contracts when all that they are given is sealed, and what is not is refused. */

/** Longer than an unfinished record is kept, ms. */
const LATER = 8 * 86_400_000

interface Opened {
  readonly stores: OpenStores
  close(): Promise<void>
}

async function open(url: string, { eventLog, clock }: { eventLog?: number; clock?: Clock } = {}): Promise<OpenStores> {
  const stores = await openStores(
    { broker: url, backend: url },
    {
      lease: 30_000,
      visibilityTimeout: 3_600_000,
      expires: 60_000,
      serializer: 'json',
      accept: ['json', 'msgpack'],
      ...(eventLog !== undefined && { eventLog }),
      ...(clock && { clock }),
    },
  )
  const codec = codecOf('new', KEYS, true)
  sizeSealed(stores.broker, new Seals(codec, 'json'))
  return sealedStores(stores, codec, 'json')
}

/** The suites compare what waits with what the broker says of messages, which are sealed when they wait. */
function sizeSealed(broker: Broker, { messages }: Seals): void {
  const { bytes } = broker
  if (!bytes) return
  const sealed: MessageBytes = {
    waiting: (queue) => bytes.waiting(queue),
    of: (envelope) => bytes.of(messages.seal(envelope)),
  }
  Object.defineProperty(broker, 'bytes', { value: sealed })
}

async function inFile(more: { eventLog?: number } = {}): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-codec-'))
  const url = `sqlite:${join(folder, 'store.db')}`
  const stores = await open(url, more)
  const close = async (): Promise<void> => {
    await stores.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { stores, close }
}

async function backendInFile(eventLog?: number): Promise<OpenedBackend> {
  const { stores, close } = await inFile(eventLog === undefined ? {} : { eventLog })
  return { backend: stores.backend, close }
}

async function backendInMemory(): Promise<OpenedBackend> {
  const stores = await open('memory:', { eventLog: SUITE_EVENT_LOG })
  return { backend: stores.backend, close: () => stores.close() }
}

async function chordsAt(stores: (clock: Clock) => Promise<OpenStores>): Promise<ChordFixture> {
  let later = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + later }
  const expire = async (): Promise<void> => {
    later += LATER
  }
  return { stores: await stores(clock), again: undefined, expire }
}

backendSuite({ describe, it }, 'sealed, in memory', backendInMemory)
if (isFull) {
  eventLogSuite({ describe, it }, 'sealed, in memory', backendInMemory)
  backendSuite({ describe, it }, 'sealed, in SQLite', backendInFile)
  eventLogSuite({ describe, it }, 'sealed, in SQLite', () => backendInFile(SUITE_EVENT_LOG))
}
unitOfWorkSuite({ describe, it }, 'sealed, in SQLite', async () => {
  const { stores, close } = await inFile()
  return { ...stores, close }
})
unitOfWorkSuite({ describe, it }, 'sealed, in memory', () => open('memory:'))
chordSuite({ describe, it }, 'sealed, in memory', () => chordsAt((clock) => open('memory:', { clock })))
chordWritesSuite({ describe, it }, 'sealed, in memory', async () => (await open('memory:')).backend)
schedulerSuite({ describe, it }, 'sealed, in memory', async (): Promise<OpenedScheduleStore> => {
  const stores = await open('memory:')
  const schedule = await stores.schedule('app')
  return { store: schedule, close: () => stores.close() }
})
