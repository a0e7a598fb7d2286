import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { Celeriac, chord } from '../../src/index.ts'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import type { PayloadStore } from '../../src/payloads/payloadStore.ts'
import {
  ArgumentError,
  PayloadError,
  PayloadTooLargeError,
  StoreUnavailableError,
  TaskError,
} from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { until } from '../../src/testing/kit.ts'
import { deadIn } from '../deadLetters.ts'
import { appWith, filesIn, folderOfTest, urlsOf, working } from './lab.ts'

const LARGE = 'x'.repeat(5000)
const wait = { timeout: '30s' } as const

async function sqliteApp(payloads = {}) {
  const folder = await folderOfTest()
  const urls = await urlsOf('sqlite', folder)
  const app = appWith(folder, urls, payloads)
  return { folder, urls, app, echo: app.task('echo', (text: unknown) => text) }
}

const SPOILED: readonly (readonly [name: string, spoil: (path: string) => Promise<unknown>, error: RegExp])[] = [
  ['deleted', (path) => rm(path), /payload .* is not in .*: it was deleted, or has expired/],
  ['cut', (path) => truncate(path, 100), /payload .*: expected \d+ bytes, got 100/],
  [
    'changed',
    async (path) => writeFile(path, (await readFile(path)).fill('y')),
    /payload .*: expected SHA-256 \w+, got \w+/,
  ],
]

describe.each(SPOILED)('a payload that was %s', (_, spoil, error) => {
  test('of an input: its task fails and says so, and the worker goes on', async () => {
    const { app, echo, folder } = await sqliteApp()
    const sent = await echo.delay(LARGE)
    await spoil((await filesIn(folder))[0] as string)
    await working(app)
    const failure = await sent.get(wait).catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(TaskError)
    expect(failure).toMatchObject({ type: 'PayloadError', message: expect.stringMatching(error) })
    expect(await (await echo.delay(LARGE)).get(wait)).toBe(LARGE)
  })

  test('of a result: its caller gets the error, a chord fails', async () => {
    const { app, echo, folder } = await sqliteApp()
    const large = app.task('large', () => LARGE)
    await working(app)
    const sent = await large.delay()
    await until('it ends', () => sent.ready())
    await spoil((await filesIn(folder))[0] as string)
    await expect(sent.get(wait)).rejects.toThrow(error)
    await expect(sent.get(wait)).rejects.toThrow(PayloadError)
    await expect(sent.info()).rejects.toThrow(error)
    expect(await sent.state()).toBe('SUCCESS')
    await sent.forget()
    const spoiling = app.task('spoiling', async () => {
      await until('the first part', async () => (await filesIn(folder)).length > 0)
      const files = await filesIn(folder)
      await spoil(files[0] as string)
    })
    const body = await chord([large.s(), spoiling.s()], echo.s()).delay()
    await expect(body.get(wait)).rejects.toThrow(/ChordError|the body cannot be sent/)
  })
})

test('an app without payloads says what it lacks', async () => {
  const { app, urls, echo } = await sqliteApp()
  await working(app)
  const sent = await echo.delay(LARGE)
  expect(await sent.get(wait)).toBe(LARGE)
  const other = new Celeriac({ ...urls, logger: createLogger('silent') })
  await expect(other.result(sent.id).get(wait)).rejects.toMatchObject({ code: 'NO_PAYLOAD_STORE' })
  await other.close()
})

test('a worker without payloads fails a task whose input is elsewhere, keeps its message, and goes on', async () => {
  const { urls, echo } = await sqliteApp()
  const sent = await echo.delay(LARGE)
  const other = new Celeriac({ ...urls, logger: createLogger('silent') })
  const own = other.task('echo', (text: unknown) => text)
  await working(other)
  await expect(sent.get(wait)).rejects.toThrow(/this input or result is in a payload store: set the option payloads/)
  expect(await deadIn(other)).toBe(1)
  expect(await (await own.delay('small')).get(wait)).toBe('small')
})

test('while the payload store cannot be read, a task waits in its queue, and no attempt is counted', async () => {
  const folder = await folderOfTest()
  const inner = directoryPayloads(folder)
  let reads = 0
  const store: PayloadStore = {
    url: 'test:',
    put: (...given) => inner.put(...given),
    delete: (keys) => inner.delete(keys),
    list: (listing) => inner.list(listing),
    get: async (...given) => {
      reads += 1
      if (reads <= 5) throw new StoreUnavailableError('payload store: not mounted')
      return inner.get(...given)
    },
  }
  const urls = await urlsOf('sqlite', folder)
  const app = new Celeriac({ ...urls, logger: createLogger('silent'), payloads: { store, threshold: '1 KiB' } })
  const echo = app.task('echo', (text: string) => text.length)
  await working(app)
  const sent = await echo.delay(LARGE)
  await until('it was put back', async () => (await sent.state()) === 'SNOOZED')
  expect(reads).toBe(4)
  await sent.change({ countdown: 0 })
  expect(await sent.get(wait)).toBe(5000)
  expect(await sent.info()).toMatchObject({ retries: 0, attempt: 1 })
})

test('too large is too large: of a call at once, of a result as the failure of its task', async () => {
  const { app, echo, folder } = await sqliteApp({ maxSize: 4000 })
  await expect(echo.delay(LARGE)).rejects.toThrow(PayloadTooLargeError)
  await expect(echo.delay(LARGE)).rejects.toThrow(
    /input of job .*: expected at most 4000 bytes \(payloads.maxSize\), got 50\d\d/,
  )
  const large = app.task('large', () => LARGE)
  await working(app)
  await expect((await large.delay()).get(wait)).rejects.toThrow(/result of job .*: expected at most 4000 bytes/)
  expect(await filesIn(folder)).toEqual([])
})

test('a reference that a task returns is a value, and leads nowhere', async () => {
  const { app, echo } = await sqliteApp()
  await working(app)
  const secret = await echo.delay(LARGE)
  await secret.get(wait)
  const forged = {
    'celeriac.payload': { key: 'ab/cd/x.r.1.2.aaaaaaaaaaaaaaaa.~', size: 1, sha256: 'a', format: 'text' },
  }
  expect(await (await echo.delay(forged)).get(wait)).toEqual(forged)
})

test('a reference in a message never leads to a payload of another job', async () => {
  const { app, echo, folder } = await sqliteApp()
  const secret = await echo.delay(LARGE)
  const [path] = await filesIn(folder)
  const key = (path as string).split('/payloads/')[1] as string
  const { createHash } = await import('node:crypto')
  const bytes = await readFile(path as string)
  const reference = {
    key,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    format: 'json',
  }
  const thief = await echo.applyAsync(['mine'], { headers: { celeriac_payload: reference } })
  await working(app)
  await expect(thief.get(wait)).rejects.toThrow(/its reference leads to a payload of another job/)
  expect(await secret.get(wait)).toBe(LARGE)
})

test('while the payload store cannot be written, a call fails and a result waits', async () => {
  const inner = directoryPayloads(await folderOfTest())
  const folder = await folderOfTest()
  let isDown = true
  const failing = new StoreUnavailableError('payload store: no space left')
  let refused = 0
  const store: PayloadStore = {
    url: 'test:',
    get: (...given) => inner.get(...given),
    delete: (keys) => inner.delete(keys),
    list: (listing) => inner.list(listing),
    put: async (key, body) => {
      if (!isDown) return inner.put(key, body)
      refused += 1
      throw failing
    },
  }
  const other = new Celeriac({
    ...(await urlsOf('sqlite', folder)),
    logger: createLogger('silent'),
    payloads: { store, threshold: '1 KiB' },
  })
  const large = other.task('large', () => LARGE)
  await expect(other.send('large', [LARGE])).rejects.toThrow(StoreUnavailableError)
  await working(other)
  const sent = await large.delay()
  await until('the result was refused', () => refused > 2)
  isDown = false
  expect(await sent.get(wait)).toBe(LARGE)
})

test.each([
  [{}, /payloads: store: expected an object with put, get, delete and list, got undefined/],
  [
    { store: directoryPayloads('/tmp/x'), threshold: '64KB' },
    /payloads: threshold: expected 1 to \d+ bytes, .*, got "64KB"/,
  ],
  [{ store: directoryPayloads('/tmp/x'), maxSize: '1 GiB' }, /payloads: maxSize: expected/],
  [{ store: directoryPayloads('/tmp/x'), orphanAge: 5 }, /payloads: orphanAge: expected at least 1 min, got 5 ms/],
  [{ store: directoryPayloads('/tmp/x'), sweepInterval: 0 }, /payloads: sweepInterval: expected 1 to/],
  [{ store: directoryPayloads('/tmp/x'), limit: 0 }, /payloads: unknown option limit; known are store, threshold/],
])('wrong options are refused: %#', (payloads, error) => {
  expect(() => new Celeriac({ broker: 'memory:', payloads: payloads as never })).toThrow(error)
  expect(() => new Celeriac({ broker: 'memory:', payloads: payloads as never })).toThrow(ArgumentError)
})
