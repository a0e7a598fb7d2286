import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it, onTestFinished } from 'vitest'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { openStores } from '../../src/stores/open.ts'
import { type ChordStores, chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { chordWritesSuite } from '../../src/testing/suites/chordWritesSuite.ts'
import { RedisServer } from '../redis/server.ts'

function openAt(url: string, broker = url): Promise<ChordStores> {
  return openStores(
    { broker, backend: url },
    { lease: 30_000, visibilityTimeout: 3_600_000, expires: 60_000, serializer: 'json', accept: ['json', 'msgpack'] },
  )
}

chordSuite({ describe, it }, 'in memory', () => openAt('memory:'))

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-chords-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'store.db')}`
}

chordSuite({ describe, it }, 'in SQLite', () => openAt(newFile()))
chordSuite({ describe, it }, 'in SQLite, with messages elsewhere', () => openAt(newFile(), 'memory:'))

/** The backend alone; its stores are closed with it. */
async function backendAt(url: string): Promise<ResultBackend> {
  const stores = await openAt(url, 'memory:')
  onTestFinished(() => stores.close())
  return stores.backend
}

chordWritesSuite({ describe, it }, 'in memory', () => backendAt('memory:'))
chordWritesSuite({ describe, it }, 'in SQLite', () => backendAt(newFile()))

describe('with a server', () => {
  let server: RedisServer
  let database = 0
  beforeAll(async () => {
    server = await RedisServer.start({ flags: ['--databases', '100'] })
  })
  afterAll(() => server?.stop())

  chordSuite({ describe, it }, 'in Redis', () => openAt(server.url(database++)))
  chordSuite({ describe, it }, 'in Redis, with messages elsewhere', () => openAt(server.url(database++), 'memory:'))
  chordWritesSuite({ describe, it }, 'in Redis', () => backendAt(server.url(database++)))
})
