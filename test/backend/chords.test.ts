import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it, onTestFinished } from 'vitest'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { openStores } from '../../src/stores/open.ts'
import type { ChordFixture, ChordStores } from '../../src/testing/chordLab.ts'
import { chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { chordWritesSuite } from '../../src/testing/suites/chordWritesSuite.ts'
import { RedisServer } from '../redis/server.ts'
import { isFull } from '../tier.ts'

/** Longer than an unfinished record is kept, ms. */
const LATER = 8 * 86_400_000

async function openAt(url: string, broker = url): Promise<ChordFixture> {
  let later = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + later }
  const open = (): Promise<ChordStores> =>
    openStores(
      { broker, backend: url },
      {
        lease: 30_000,
        visibilityTimeout: 3_600_000,
        expires: 60_000,
        serializer: 'json',
        accept: ['json', 'msgpack'],
        clock,
      },
    )
  const again = url === 'memory:' ? undefined : open
  const expire = async (): Promise<void> => {
    later += LATER
  }
  return { stores: await open(), again, expire }
}

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-chords-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'store.db')}`
}

/** The backend alone; its stores are closed with it. */
async function backendAt(url: string): Promise<ResultBackend> {
  const { stores } = await openAt(url, 'memory:')
  onTestFinished(() => stores.close())
  return stores.backend
}

chordSuite({ describe, it }, 'in memory', () => openAt('memory:'))
chordSuite({ describe, it }, 'in SQLite', () => openAt(newFile()))
chordSuite({ describe, it }, 'in SQLite, with messages elsewhere', () => openAt(newFile(), 'memory:'))
chordWritesSuite({ describe, it }, 'in memory', () => backendAt('memory:'))
chordWritesSuite({ describe, it }, 'in SQLite', () => backendAt(newFile()))

describe('with a server', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server?.stop())

  const empty = async (): Promise<string> => {
    await server.cli('FLUSHALL')
    return server.url()
  }
  // The server drops them, by its own clock.
  const expire = async (): Promise<void> => {
    const keys = (await server.cli('KEYS', '*')).split('\n').filter((key) => key !== '')
    for (const key of keys) {
      const left = Number(await server.cli('PTTL', key))
      if (left > 0 && left < LATER) await server.cli('PEXPIRE', key, '0')
    }
  }

  chordSuite({ describe, it }, 'in Redis', async () => ({ ...(await openAt(await empty())), expire }))
  if (isFull) {
    chordSuite({ describe, it }, 'in Redis, with messages elsewhere', async () => ({
      ...(await openAt(await empty(), 'memory:')),
      expire,
    }))
  }
  chordWritesSuite({ describe, it }, 'in Redis', async () => backendAt(await empty()))
})
