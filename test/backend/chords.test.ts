import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it, onTestFinished } from 'vitest'
import { openStores } from '../../src/stores/open.ts'
import { type ChordStores, chordSuite } from '../../src/testing/suites/chordSuite.ts'
import { RedisServer } from '../redis/server.ts'

function openAt(url: string): Promise<ChordStores> {
  return openStores(
    { broker: url, backend: url },
    { lease: 30_000, visibilityTimeout: 3_600_000, expires: 60_000, serializer: 'json', accept: ['json', 'msgpack'] },
  )
}

chordSuite({ describe, it }, 'in memory', () => openAt('memory:'))

chordSuite({ describe, it }, 'in SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-chords-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return openAt(`sqlite:${join(folder, 'store.db')}`)
})

describe('with a server', () => {
  let server: RedisServer
  let database = 0
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(() => server?.stop())

  chordSuite({ describe, it }, 'in Redis', () => openAt(server.url(database++)))
})
