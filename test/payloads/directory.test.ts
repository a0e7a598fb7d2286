import { chmod, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished, test } from 'vitest'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import { newKey, readKey } from '../../src/payloads/payloadKey.ts'
import { ArgumentError, StoreUnavailableError } from '../../src/std/errors.ts'
import { payloadSuite } from '../../src/testing/suites/payloads/payloadSuite.ts'

const folderOf = (): Promise<string> => mkdtemp(join(tmpdir(), 'celeriac-payloads-'))
const facts = { id: 'job', kind: 'input', made: 1_000, until: 5_000, queue: 'mail' } as const

payloadSuite({ describe, it }, 'in a folder', async () => {
  const folder = await folderOf()
  const close = () => rm(folder, { recursive: true, force: true })
  return { store: directoryPayloads(join(folder, 'store')), other: directoryPayloads(join(folder, 'store')), close }
})

async function opened() {
  const folder = await folderOf()
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return { folder, store: directoryPayloads(folder) }
}

test('files are for their user alone, and no others are left', async () => {
  const { folder, store } = await opened()
  const key = newKey(facts)
  await store.put(key, Buffer.from('secret'))
  const path = join(folder, key)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(dirname(path))).mode & 0o777).toBe(0o700)
  expect(await readdir(dirname(path))).toHaveLength(1)
})

test('a file that was left half written is no payload, and is removed after a day', async () => {
  const { folder, store } = await opened()
  const key = newKey(facts)
  await store.put(key, Buffer.from('whole'))
  const [fresh, old] = ['.fresh.tmp', '.old.tmp'].map((name) => join(dirname(join(folder, key)), name)) as [
    string,
    string,
  ]
  await writeFile(fresh, 'half')
  await writeFile(old, 'half')
  await utimes(old, 0, 0)
  expect(await store.list({ limit: 10 })).toEqual([key])
  expect((await readdir(dirname(fresh))).filter((name) => name.endsWith('.tmp'))).toEqual(['.fresh.tmp'])
})

test('a folder that cannot be written or read is a store that is unavailable', async () => {
  const { folder } = await opened()
  const file = join(folder, 'file')
  await writeFile(file, '')
  const store = directoryPayloads(join(file, 'below'))
  await expect(store.put(newKey(facts), Buffer.from('x'))).rejects.toThrow(StoreUnavailableError)
  await expect(store.put(newKey(facts), Buffer.from('x'))).rejects.toThrow(
    /payload store .*below: cannot write: ENOTDIR/,
  )
  // Root reads whatever it likes.
  if (process.getuid?.() === 0) return
  const other = directoryPayloads(folder)
  await chmod(folder, 0)
  await expect(other.list({ limit: 1 })).rejects.toThrow(StoreUnavailableError)
  await chmod(folder, 0o700)
})

test('no path, no store', () => {
  for (const path of ['', 'a\0b', undefined, 7]) expect(() => directoryPayloads(path as string)).toThrow(ArgumentError)
})

test.each(['job', 'ein Job/../x', 'é'.repeat(40), '~', '..', '.'])('a key says what it is of: %s', (id) => {
  const key = newKey({ ...facts, id, queue: 'a.b/c' })
  expect(readKey(key)).toEqual({ ...facts, id, queue: 'a.b/c' })
  expect(readKey(newKey({ ...facts, id, kind: 'part', queue: undefined }))).toMatchObject({
    kind: 'part',
    queue: undefined,
  })
  expect(key.length).toBeLessThanOrEqual(300)
  expect(readKey(newKey({ ...facts, id, until: Number.POSITIVE_INFINITY }))?.until).toBeGreaterThan(1e15)
})

test('a key of a long id does not say which, and one of a long queue no queue', () => {
  expect(readKey(newKey({ ...facts, id: 'x'.repeat(255) }))).toMatchObject({ id: undefined, queue: 'mail' })
  expect(readKey(newKey({ ...facts, queue: 'q'.repeat(255) }))).toMatchObject({ id: 'job', queue: undefined })
  expect(readKey('ab/cd/job.x')).toBeUndefined()
})
