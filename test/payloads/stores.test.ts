import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chain, chord, group } from '../../src/index.ts'
import { storesOf } from '../app/stores.ts'
import { inFull } from '../tier.ts'
import { appWith, filesIn, folderOfTest, type StoreName, urlsOf, working } from './lab.ts'

const LARGE = 'größer '.repeat(1000)
const BYTES = new Uint8Array(5000).map((_, at) => at % 251)
const STORES: readonly StoreName[] = [
  'sqlite',
  'redis',
  ...inFull<StoreName>('memory', 'postgres', 'rabbitmq + rpc', 'rabbitmq + sqlite'),
]
const wait = { timeout: '30s' } as const

describe.each(STORES)('%s', (store) => {
  const isRpc = store === 'rabbitmq + rpc'

  test('large inputs and results come back as they were, and messages and records are small', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    const echo = app.task('echo', (...args: unknown[]) => args[0])
    const { broker, backend } = await storesOf(app)
    const value = { text: LARGE, bytes: BYTES, at: new Date(7), big: 2n ** 70n, nan: Number.NaN, list: [1, [null]] }
    const sent = [LARGE, BYTES, value, 'small', 'a\ud800'.repeat(2000)]
    const handles = await Promise.all(sent.map((one) => echo.delay(one)))
    if (broker.find) {
      const { envelope } = (await broker.find(handles[0]?.id as string, 'celery')) ?? {}
      expect(envelope?.body.length).toBeLessThan(400)
      expect(envelope?.headers).toMatchObject({ task: 'echo', celeriac_payload: { format: 'json' } })
    }
    expect(await filesIn(folder)).toHaveLength(4)
    await working(app)
    const results = await Promise.all(handles.map((handle) => handle.get(wait)))
    expect(results).toEqual(sent)
    // Its lone surrogates are no text of UTF-8: it is JSON.
    const files = await filesIn(folder)
    expect(files).toHaveLength(8)
    if (isRpc) return
    const [meta] = await backend.load([handles[0]?.id as string])
    expect(JSON.stringify(meta?.result).length).toBeLessThan(400)
    expect((await handles[1]?.info())?.result).toEqual(BYTES)
    const kept = meta?.result as { readonly 'celeriac.payload': { readonly key: string } } | undefined
    expect(await readFile(join(folder, 'payloads', kept?.['celeriac.payload'].key ?? ''), 'utf8')).toBe(LARGE)
    // With the record, all of it goes; the others stay.
    await handles[0]?.forget()
    expect(await filesIn(folder)).toHaveLength(6)
  })

  test('a retry reads the same input, a chain passes results on, a chord collects them', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    let runs = 0
    const once = (text: string): string => {
      runs += 1
      if (runs === 1) throw new Error('once')
      return text
    }
    const flaky = app.task('flaky', once, { retry: { max: 1, delay: 1 } })
    const double = app.task('double', (text: string) => text + text)
    const joined = app.task('joined', (texts: string[]) => texts.join(''))
    await working(app)
    expect(await (await flaky.delay(LARGE)).get(wait)).toBe(LARGE)
    expect(runs).toBe(2)
    expect(await (await chain(double.s(LARGE), double.s()).delay()).get(wait)).toBe(LARGE.repeat(4))
    const all = await group([double.s(LARGE), double.s('x')]).delay()
    expect(await all.get(wait)).toEqual([LARGE + LARGE, 'xx'])
    if (isRpc) return
    expect(await (await chord([double.s(LARGE), double.s('x')], joined.s()).delay()).get(wait)).toBe(
      `${LARGE}${LARGE}xx`,
    )
  })
})
