import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import type { SqliteBackend } from '../../../src/stores/sqlite/results/backend.ts'
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { command, output } from '../../command.ts'
import { openSqliteParts, type SqliteParts } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

const folder = new Folder()
const disk = folder.file('disk')

/** Mounts a disk of 4 MB, where this user may. */
async function mount(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  mkdirSync(disk)
  return (await command('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])).code === 0
}

describe('a full disk', () => {
  let hasDisk = false
  let parts: SqliteParts
  let broker: SqliteBroker
  let backend: SqliteBackend
  const url = `sqlite:${disk}/store.db`

  beforeAll(async () => {
    hasDisk = await mount()
    if (!hasDisk) return
    parts = openSqliteParts(url, { lease: 1000, expires: 60_000, serializer: 'json', accept: ['json'] })
    ;({ broker, backend } = parts)
  })

  afterAll(async () => {
    if (!hasDisk) return
    rmSync(`${disk}/ballast`, { force: true })
    try {
      await parts.close()
    } finally {
      await output('umount', [disk])
      folder.remove()
    }
  })

  it('is an error to whoever writes; reading goes on; with space again so does all', async ({ skip }) => {
    if (!hasDisk) skip('this user may not mount a disk')
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
