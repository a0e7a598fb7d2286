import { describe, expect, it } from 'vitest'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import { useLab } from '../../app/lab.ts'
import { defineBatches } from './tasks.ts'

const module = new URL('./tasks.ts', import.meta.url).href

const endOf = (handle: AsyncResult): Promise<unknown> =>
  handle
    .get({ timeout: '30s' })
    .catch((error: Error & { type?: string }) => `${error.type ?? error.name}: ${error.message}`)

describe.each(['threads', 'processes'] as const)('in %s', (pool) => {
  const lab = useLab('sqlite')

  async function send(task: string, count = 4): Promise<AsyncResult[]> {
    const app = defineBatches(lab().app())
    await lab().work(app, { pool, module, concurrency: 1, revokeGrace: 20 })
    return Promise.all(Array.from({ length: count }, (_, n) => app.send(task, { n })))
  }

  it('one child gets the list; each item has its own end, progress and log', async () => {
    const handles = await send('mixed')
    const ends = await Promise.all(handles.map(endOf))
    const place = expect.stringMatching(pool === 'threads' ? `^${process.pid}/[1-9]` : `^(?!${process.pid}/)`)
    expect(ends).toEqual([
      [0, 4, place],
      'RangeError: one',
      expect.stringMatching(/^EncodeError: result: cannot be sent to the worker/),
      [3, 4, place],
    ])
    const told: unknown[] = []
    for await (const event of handles[3]!.events({ after: 0 })) told.push(event)
    expect(JSON.stringify(told)).toContain('"PROGRESS"')
    expect(JSON.stringify(told)).toContain('"seen"')
    expect(JSON.stringify(told)).not.toContain('"n":2')
    const first: unknown[] = []
    for await (const event of handles[0]!.events({ after: 0 })) first.push(event)
    expect(JSON.stringify(first)).toContain('"seen"')
    expect(JSON.stringify(first)).not.toContain('of all')
  })

  it('a child that dies: each item is retried by itself', async () => {
    expect(await Promise.all((await send('dies')).map(endOf))).toEqual([2, 2, 2, 2])
  })

  it('the hard time limit ends the child, and all items', async () => {
    const expected = Array(4).fill(expect.stringMatching(/^TimeLimitExceeded/))
    expect(await Promise.all((await send('blocks')).map(endOf))).toEqual(expected)
  })

  it('a revoked item aborts its own signal in the child', async () => {
    const handles = await send('waits')
    await expect.poll(() => handles[3]!.state(), { timeout: 15_000 }).toBe('PROGRESS')
    await handles[2]!.revoke()
    const [first, second, third, fourth] = await Promise.all(handles.map(endOf))
    expect([first, second, fourth]).toEqual(Array(3).fill([false, false]))
    expect(third).toEqual([true, false])
  })
})

describe('an item whose worker has died twice', () => {
  const lab = useLab('sqlite')

  it('runs alone, in a process of its own', async () => {
    const app = defineBatches(lab().app())
    const handles = await Promise.all([0, 3, 3, 3, 3].map((n) => app.send('mixed', { n })))
    lab().database().prepare('UPDATE celeriac_message SET lost = 2 WHERE task_id = ?').run(handles[0]!.id)
    await lab().work(app, { module, taskPools: { processes: 1 } })
    const [alone, ...others] = (await Promise.all(handles.map(endOf))) as [number, number, string][]
    expect(alone).toEqual([0, 1, expect.not.stringContaining(`${process.pid}/`)])
    for (const other of others) expect(other).toEqual([3, 4, `${process.pid}/0`])
  })
})
