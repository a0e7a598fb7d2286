import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { internalsOf } from '../../../src/app/internals.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { openPool, type PoolOptions } from '../../../src/worker/pool/open.ts'
import { app } from './tasks.ts'

describe('openPool', () => {
  it('loads a module that is given as a URL', async () => {
    const pool = openPool(internalsOf(app), {
      pool: 'threads',
      concurrency: 1,
      module: new URL('./childTasks.ts', import.meta.url),
    })
    await pool.start()
    await pool.stop()
  })

  it.each<[PoolOptions, string, number]>([
    [{}, 'inline', 100],
    [{ pool: 'inline', concurrency: 7 }, 'inline', 7],
    [{ pool: 'solo' }, 'solo', 1],
    [{ pool: 'threads', module: 'tasks.ts' }, 'threads', availableParallelism()],
    [{ pool: 'threads', module: 'tasks.ts', concurrency: 3 }, 'threads', 3],
    [{ pool: 'processes', module: 'tasks.ts' }, 'processes', availableParallelism()],
    [{ pool: 'prefork', module: 'tasks.ts', concurrency: 3 }, 'processes', 3],
  ])('%j', (options, kind, size) => {
    expect(openPool(internalsOf(app), options)).toMatchObject({ kind, size, busy: 0 })
  })

  it.each<[PoolOptions, RegExp]>([
    [{ concurrency: 0 }, /concurrency: expected a whole number >= 1, got 0/],
    [{ concurrency: 1.5 }, /got 1.5/],
    [{ pool: 'solo', concurrency: 2 }, /expected 1 with pool solo, got 2/],
    [{ pool: 'threads' }, /needs the path or file URL of the task module/],
    [{ pool: 'threads', module: new URL('https://host/tasks.ts') }, /expected the path or file URL .*, got https:/],
    [{ pool: 'threads', module: 5 as unknown as string }, /module: expected the path or file URL .*, got 5/],
    [{ pool: 'processes' }, /pool processes needs the path or file URL of the task module/],
    [{ pool: 'gevent' as 'inline' }, /pool: expected one of inline, threads, processes, prefork, solo, got "gevent"/],
  ])('%j is refused', (options, message) => {
    expect(() => openPool(internalsOf(app), options)).toThrow(ConfigError)
    expect(() => openPool(internalsOf(app), options)).toThrow(message)
  })
})
