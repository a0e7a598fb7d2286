import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inFull } from '../tier.ts'
import { appWith, filesIn, folderOfTest, type StoreName, sweep, urlsOf, working } from './lab.ts'

const CHILD = join(import.meta.dirname, 'children', 'killed.ts')
const LARGE = 'x'.repeat(5000)
const STORES: readonly StoreName[] = ['sqlite', ...inFull<StoreName>('redis', 'postgres', 'rabbitmq + rpc')]
const HOUR = 3_600_000

/** A process that dies right after it has put a payload. */
async function killed(what: 'call' | 'work', broker: string, folder: string): Promise<void> {
  const args = ['--conditions=source', CHILD, what, broker, join(folder, 'payloads')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  expect((await once(child, 'exit'))[1]).toBe('SIGKILL')
}

describe.each(STORES)('a process is killed on %s', (store) => {
  const isRabbit = store.startsWith('rabbitmq')

  test('after the payload of a call: nothing was sent, and the payload is swept', async () => {
    const folder = await folderOfTest()
    const { broker } = (await urlsOf(store, folder)) as { broker: string }
    await killed('call', broker, folder)
    const app = appWith(folder, { broker })
    expect(await filesIn(folder)).toHaveLength(1)
    expect(await app.queueSize()).toBe(0)
    if (!isRabbit) expect(await app.result('killed').state()).toBe('UNKNOWN')
    expect(await sweep(app, isRabbit ? 8 * 24 * HOUR : 2 * HOUR)).toBe(1)
    expect(await filesIn(folder)).toEqual([])
  })

  test('after the payload of a result: the task runs again from the same input, and one result stays', async () => {
    const folder = await folderOfTest()
    const { broker } = (await urlsOf(store, folder)) as { broker: string }
    const app = appWith(folder, { broker, lease: '1s' })
    const echo = app.task('echo', (text: string) => text)
    const sent = await echo.delay(LARGE)
    await killed('work', broker, folder)
    expect(await filesIn(folder)).toHaveLength(2)
    await working(app)
    expect(await sent.get({ timeout: '60s' })).toBe(LARGE)
    expect(await filesIn(folder)).toHaveLength(3)
    expect(await sweep(app, 2 * HOUR)).toBe(isRabbit ? 0 : 1)
    expect(await sent.get({ timeout: '60s' })).toBe(LARGE)
  })
})
