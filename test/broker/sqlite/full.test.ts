import { expect, test } from 'vitest'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import { until, useLab } from '../../app/lab.ts'
import { storesOf } from '../../app/stores.ts'

const lab = useLab('sqlite')

test('no room for the file: callers get a clear error, and the worker goes on once there is room', async () => {
  const app = lab().app({ storeTimeout: '300ms' })
  const gate = Promise.withResolvers<void>()
  const echo = app.task('echo', async (text: string) => {
    await gate.promise
    return text
  })
  const { db } = ((await storesOf(app)).broker as SqliteBroker).file
  const pages = (most?: number): number => {
    const row = db.prepare(`PRAGMA max_page_count${most === undefined ? '' : ` = ${most}`}`).get()
    return (row as { max_page_count: number }).max_page_count
  }
  const before = pages()
  const text = 'x'.repeat(4000)
  const sent: AsyncResult<string>[] = []
  const worker = await lab().work(app, { concurrency: 2 })
  for (let at = 0; at < 2; at++) sent.push(await echo.delay(text))
  await until(() => worker.busy === 2)
  const { page_count: used } = db.prepare('PRAGMA page_count').get() as { page_count: number }
  pages(used + 40)
  let error: unknown
  while (error === undefined) {
    try {
      sent.push(await echo.delay(text))
    } catch (reason) {
      error = reason
    }
  }
  expect(error).toBeInstanceOf(StoreUnavailableError)
  expect((error as Error).message).toMatch(/database or disk is full/)
  expect(sent.length).toBeGreaterThan(4)
  // Their results have no room now.
  gate.resolve()
  await until(() =>
    echo.delay(text).then(
      (): false => false,
      (reason: unknown) => reason instanceof StoreUnavailableError,
    ),
  )
  pages(before)
  for (const one of sent) expect(await one.get({ timeout: '20s' })).toBe(text)
  expect(await (await echo.delay('after')).get({ timeout: '20s' })).toBe('after')
})
