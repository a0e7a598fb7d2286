import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Worker } from '../../../src/worker/worker.ts'
import { useLab } from '../../app/lab.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-life-'))
  process.env.LIFE_LOG = join(folder, 'log')
})
afterEach(() => {
  delete process.env.LIFE_LOG
  rmSync(folder, { recursive: true })
})

const notes = (): string[] => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')
const module = new URL('./childTasks.ts', import.meta.url)

describe.each(['threads', 'processes'] as const)('%s', (pool) => {
  const lab = useLab('sqlite')

  it('each child has resources of its own, disposed of when it ends', async () => {
    const app = lab().app()
    app.task('query', () => undefined)
    const worker = await lab().work(app, { pool, module, concurrency: 2 })
    const made = new Set<string>()
    // Until both children have run some.
    while (made.size < 2) {
      const handles = await Promise.all([app.send('query'), app.send('query'), app.send('query')])
      for (const handle of handles) made.add(String(await handle.get()).replace(/^db:/, ''))
    }
    await worker.stop()
    for (const child of made) {
      const own = notes().filter((note) => note.endsWith(` ${child}`))
      expect(own.map((note) => note.split(' ').slice(0, -1).join(' '))).toEqual([
        `init:${pool}`,
        'settings made',
        'db made',
        'shutdown',
        'db disposed',
        'settings disposed',
      ])
    }
  })

  it('the hooks of a task run where it runs', async () => {
    const app = lab().app()
    app.task('hooked', () => undefined)
    const worker = await lab().work(app, { pool, module, concurrency: 1 })
    await app.send('hooked', [], { taskId: 'h1' }).get()
    await worker.stop()
    const [init = '', ...own] = notes().filter((note) => !note.startsWith('worker'))
    const child = init.split(' ').at(-1)
    expect(own).toEqual(['before h1', 'success h1', 'after SUCCESS', 'shutdown'].map((note) => `${note} ${child}`))
  })

  it('a hook that fails at its start ends the start of the worker', async () => {
    process.env.LIFE_FAILS = 'yes'
    try {
      const worker = new Worker(lab().app(), { pool, module, concurrency: 2, logger: false })
      await expect(worker.start()).rejects.toMatchObject({
        code: 'HOOK_FAILED',
        message: 'a hook of onChildInit failed: RangeError: no licence',
        stack: expect.stringMatching(/caused by RangeError: no licence\n {4}at .*childTasks\.ts/),
      })
    } finally {
      delete process.env.LIFE_FAILS
    }
  })

  it('also of one that is replaced', async () => {
    const app = lab().app()
    app.task('query', () => undefined)
    const worker = await lab().work(app, { pool, module, concurrency: 1, maxTasksPerChild: 1 })
    const one = await app.send('query').get()
    const two = await app.send('query').get()
    expect(one).not.toBe(two)
    await worker.stop()
    expect(notes().filter((note) => note.startsWith('db disposed'))).toHaveLength(2)
  })
})
