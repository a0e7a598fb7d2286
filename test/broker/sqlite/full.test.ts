import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SqliteBackend } from '../../../src/backend/sqlite.ts'
import { SqliteBroker } from '../../../src/broker/sqlite/broker.ts'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { Folder } from './folder.ts'

const folder = new Folder()
const disk = folder.file('disk')

/** A disk of 4 MB, where this user may mount one. */
function mounted(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' })
    return true
  } catch (error) {
    // A container without the right to mount: these tests are left out then.
    if (error instanceof Error && 'status' in error) return false
    throw error
  }
}

const hasDisk = mounted()

describe.runIf(hasDisk)('a full disk', () => {
  let broker: SqliteBroker
  let backend: SqliteBackend
  const url = `sqlite:${disk}/store.db`

  beforeAll(() => {
    broker = new SqliteBroker(url, { lease: 1000 })
    backend = new SqliteBackend(url, { expires: 60_000, serializer: 'json', accept: ['json'], broker })
  })

  afterAll(async () => {
    rmSync(`${disk}/ballast`, { force: true })
    try {
      await broker.close()
      await backend.close()
    } finally {
      execFileSync('umount', [disk])
      folder.remove()
    }
  })

  it('is an error to whoever writes; reading goes on; with space again so does all', async () => {
    const consumer = await broker.consume([{ name: 'q' }], { prefetch: 2, name: 'celery@test' })
    const reader = new Reader(consumer)
    await broker.publish(envelopeOf('1'), toQueue('q'))
    const held = await reader.next()
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(`${disk}/ballast`, Buffer.alloc((bavail - 1) * bsize))

    const big = { ...envelopeOf('big'), body: 'x'.repeat(100_000) }
    const refused = Promise.allSettled(Array.from({ length: 20 }, () => broker.publish(big, toQueue('q'))))
    for (const one of await refused) {
      expect(one.status).toBe('rejected')
      expect((one as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailableError)
    }
    const result = 'y'.repeat(100_000)
    await expect(backend.store(metaOf('1', 'SUCCESS', { result }))).rejects.toThrow(/full/)
    expect(await broker.size('q')).toBe(0)
    expect(await backend.load(['1'])).toEqual([undefined])
    // The lease cannot be renewed.
    await until('it says what ails it', () => /full/.test(consumer.problem?.message ?? ''))

    rmSync(`${disk}/ballast`)
    await broker.publish(big, toQueue('q'))
    expect((await reader.next()).envelope.body).toBe(big.body)
    expect(await held.ack()).toBe(true)
    expect(await backend.store(metaOf('1', 'SUCCESS', { result }))).toBe(true)
    await until('it is healthy', () => consumer.problem === undefined)
  })
})
