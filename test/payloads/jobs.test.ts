import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { until } from '../../src/testing/kit.ts'
import { storesOf } from '../app/stores.ts'
import { inFull } from '../tier.ts'
import { appWith, filesIn, folderOfTest, type StoreName, urlsOf, working } from './lab.ts'

const LARGE = 'x'.repeat(5000)
const OTHER = 'y'.repeat(6000)
const wait = { timeout: '30s' } as const
const STORES: readonly StoreName[] = ['sqlite', ...inFull<StoreName>('memory', 'postgres', 'redis')]

describe.each(STORES)('jobs on %s', (store) => {
  test('one that waits is changed: to large, from large, and to another queue', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    const echo = app.task('echo', (text: string) => text)
    const keep = { keepInput: true } as const
    const [grown, shrunk, moved, later] = await Promise.all([
      echo.applyAsync(['small'], keep),
      echo.applyAsync([LARGE], keep),
      echo.applyAsync([LARGE], keep),
      echo.applyAsync([LARGE], keep),
    ])
    await grown.change({ args: [OTHER] })
    await shrunk.change({ args: ['tiny'] })
    await moved.change({ queue: 'other' })
    await later.change({ countdown: '1s' })
    const { broker } = await storesOf(app)
    const header = async (id: string, queue = 'celery') =>
      (await broker.find?.(id, queue))?.envelope.headers.celeriac_payload ?? null
    expect(await header(grown.id)).toMatchObject({ size: expect.any(Number) })
    expect(await header(shrunk.id)).toBeNull()
    const { key } = (await header(moved.id, 'other')) as { key: string }
    expect(key.endsWith('.other')).toBe(true)
    await working(app)
    expect(await Promise.all([grown, shrunk, later].map((one) => one.get(wait)))).toEqual([OTHER, 'tiny', LARGE])
    const again = await app.retryJobs({ ids: [grown.id, shrunk.id], state: 'SUCCESS' })
    const retried = [grown.id, shrunk.id].map((id) => app.result(again.retried[id] as string).get(wait))
    expect(await Promise.all(retried)).toEqual([OTHER, 'tiny'])
  })

  test('jobs are retried with what they had, large or not', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    let fails = true
    app.task('flaky', (text: string) => {
      if (fails) throw new Error('down')
      return text.length
    })
    await working(app)
    const sent = await Promise.all(
      [LARGE, 'small'].map((text) => app.send('flaky', [text], { keepInput: true, tags: ['t'] })),
    )
    for (const one of sent) await expect(one.get(wait)).rejects.toThrow('down')
    // Message and kept input are one payload.
    expect(await filesIn(folder)).toHaveLength(1)
    fails = false
    const { retried } = await app.retryJobs({ tag: 't' })
    const results = await Promise.all(sent.map(({ id }) => app.result(retried[id] as string).get(wait)))
    expect(results).toEqual([5000, 5])
  })

  test('a key that is known sends nothing, and leaves nothing', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    const echo = app.task('echo', (text: string) => text)
    const first = await echo.applyAsync([LARGE], { idempotencyKey: 'k' })
    const second = await echo.applyAsync([OTHER], { idempotencyKey: 'k' })
    expect([second.id, second.sent]).toEqual([first.id, false])
    expect(await filesIn(folder)).toHaveLength(1)
    await working(app)
    expect(await second.get(wait)).toBe(LARGE)
  })
})

test('a call in a transaction that is undone leaves a payload without a message, and no job', async () => {
  const folder = await folderOfTest()
  const urls = await urlsOf('sqlite', folder)
  const app = appWith(folder, urls)
  const echo = app.task('echo', (text: string) => text)
  await app.connect()
  const db = new DatabaseSync(join(folder, 'store.db'))
  const send = async (end: 'COMMIT' | 'ROLLBACK') => {
    db.exec('BEGIN IMMEDIATE')
    const sent = await app.within(db, () => echo.delay(LARGE))
    db.exec(end)
    return sent
  }
  const [undone, done] = [await send('ROLLBACK'), await send('COMMIT')]
  db.close()
  await working(app)
  expect(await done.get(wait)).toBe(LARGE)
  expect(await undone.state()).toBe('UNKNOWN')
})

test('messages in msgpack, and links that follow', async () => {
  const folder = await folderOfTest()
  const app = appWith(folder, {
    ...(await urlsOf('sqlite', folder)),
    serializer: 'msgpack',
    resultSerializer: 'msgpack',
  })
  const got: unknown[] = []
  const bytes = new Uint8Array(3000).fill(7)
  const echo = app.task('echo', (value: unknown) => value)
  const after = app.task('after', (value: unknown, due: unknown) => void got.push(value, due))
  await working(app)
  const at = new Date(5)
  const sent = await echo.applyAsync([{ bytes, at }], { link: after.s(at) })
  expect(await sent.get(wait)).toEqual({ bytes, at })
  await until('the link ran', () => got.length === 2)
  expect(got).toEqual([{ bytes, at }, at])
})
