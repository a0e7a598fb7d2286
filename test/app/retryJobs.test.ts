import { expect, test } from 'vitest'
import * as z from 'zod'
import type { App } from '../../src/app/app.ts'
import { ArgumentError, ConfigError } from '../../src/std/errors.ts'
import { isFull } from '../tier.ts'
import { type Lab, onEachStore, onStores, until } from './lab.ts'

const onTwoStores = (suite: (lab: () => Lab) => void): void =>
  isFull ? onEachStore(suite) : onStores(['sqlite', 'redis'], suite)

/** Tasks that fail until `mend` is called. */
function broken(app: App): { ran: unknown[]; mend(): void } {
  const ran: unknown[] = []
  let isBroken = true
  const run = (input: unknown): void => {
    if (isBroken) throw new RangeError(`no disk for ${JSON.stringify(input)}`)
    ran.push(input)
  }
  app.task('copy', (path: string) => run(path))
  app.task({ name: 'mail', input: z.object({ to: z.string() }), run })
  return {
    ran,
    mend: () => {
      isBroken = false
    },
  }
}

onTwoStores((lab) => {
  const failed = async (app: App, ...ids: string[]): Promise<void> => {
    const states = (): Promise<string[]> => Promise.all(ids.map((id) => app.result(id).state()))
    await until(async () => (await states()).every((state) => state === 'FAILURE'))
  }

  test('jobs that have failed are submitted again with their input, owner, tags and queue, each once', async () => {
    const app = lab().app()
    const { ran, mend } = broken(app)
    await lab().work(app, { queues: ['celery', 'slow'] })
    const own = { keepInput: true, tags: ['import'], owner: 'ann' }
    const first = await app.send('copy', ['a'], { ...own, queue: 'slow' })
    const second = await app.send('mail', { to: 'b' }, own)
    const lost = await app.send('copy', ['c'], { tags: ['import'] })
    const other = await app.send('copy', ['d'], { keepInput: true, tags: ['other'] })
    await failed(app, first.id, second.id, lost.id, other.id)
    mend()
    const filter = { tag: 'import' }
    const dry = await app.retryJobs(filter, { dryRun: true })
    expect([dry.jobs.length, dry.retried, dry.inputNotKept]).toEqual([3, {}, [lost.id]])
    const { retried, before, jobs } = await app.retryJobs(filter)
    expect(Object.keys(retried).sort()).toEqual([first.id, second.id].sort())
    expect([before, jobs.length]).toEqual([[], 3])
    for (const id of Object.values(retried)) await app.result(id).get({ timeout: '30s' })
    expect(ran).toHaveLength(2)
    expect(ran).toEqual(expect.arrayContaining(['a', { to: 'b' }]))
    expect(await app.result(retried[first.id] as string).info()).toMatchObject({ queue: 'slow', state: 'SUCCESS' })
    expect((await app.jobs({ owner: 'ann', tag: 'import', state: 'SUCCESS' })).jobs).toHaveLength(2)
    const again = await app.retryJobs(filter)
    expect([again.retried, [...again.before].sort()]).toEqual([{}, [first.id, second.id].sort()])
    expect(ran).toHaveLength(2)
  })

  test('by error, task, ids and time; by page', async () => {
    const app = lab().app()
    broken(app)
    await lab().work(app)
    const send = (path: string) => app.send('copy', [path], { keepInput: true })
    const handles = [await send('one'), await send('two'), await send('three')]
    await failed(app, ...handles.map(({ id }) => id))
    const found = async (filter: Parameters<App['retryJobs']>[0]): Promise<number> =>
      (await app.retryJobs(filter, { dryRun: true })).jobs.length
    expect(await found({ error: 'NO DISK FOR "TWO"' })).toBe(1)
    expect(await found({ error: 'rangeerror' })).toBe(3)
    expect(await found({ task: 'copy', error: 'elsewhere' })).toBe(0)
    expect(await found({ task: 'mail' })).toBe(0)
    const named = { ids: [handles[0]?.id as string, 'unknown', handles[1]?.id as string], error: 'one' }
    const { jobs, unfit } = await app.retryJobs(named, { dryRun: true })
    expect([jobs.map(({ id }) => id), unfit]).toEqual([[named.ids[0]], named.ids.slice(1)])
    expect(await found({ since: Date.now() + 60_000 })).toBe(0)
    expect(await found({ task: 'copy', state: 'SUCCESS' })).toBe(0)
    const page = await app.retryJobs({ task: 'copy' }, { limit: 2 })
    expect([Object.keys(page.retried).length, page.cursor === undefined]).toEqual([2, false])
  })

  test('a rate: no faster', async () => {
    const app = lab().app()
    broken(app)
    const worker = await lab().work(app)
    const handles = await Promise.all(['1', '2', '3', '4'].map((path) => app.send('copy', [path], { keepInput: true })))
    await failed(app, ...handles.map(({ id }) => id))
    await worker.stop()
    const begin = performance.now()
    const { retried } = await app.retryJobs({ ids: handles.map(({ id }) => id) }, { rate: '10/s' })
    expect([Object.keys(retried).length, performance.now() - begin > 290]).toEqual([4, true])
  })

  test.each([
    {},
    { task: '' },
    { tag: undefined },
    { state: 'STARTED' },
    { since: Number.NaN },
    { ids: [] },
    { ids: ['a'], tag: 'import' },
    { error: '' },
    { Task: 'copy' },
  ])('%o is refused', async (filter) => {
    await expect(
      lab()
        .app()
        .retryJobs(filter as never),
    ).rejects.toThrow(ArgumentError)
  })
})

test('a wrong rate, a wrong limit, and a store that lists nothing', async () => {
  const { App: Plain } = await import('../../src/app/app.ts')
  const app = new Plain({ broker: 'memory:', logger: false })
  await expect(app.retryJobs({ task: 'x' }, { rate: 'fast' })).rejects.toThrow(
    'retryJobs: rate: expected a number in a second',
  )
  await expect(app.retryJobs({ task: 'x' }, { limit: 0 })).rejects.toThrow('retryJobs: limit')
  const rpc = new Plain({ broker: 'memory:', backend: 'rpc://', logger: false })
  await expect(rpc.retryJobs({ task: 'x' })).rejects.toBeInstanceOf(ConfigError)
  await Promise.all([app.close(), rpc.close()])
})
