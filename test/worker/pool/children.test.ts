import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Report } from '../../../src/protocol/job.ts'
import type { Outcome } from '../../../src/protocol/outcome.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { jobOf } from '../../../src/testing/factories.ts'
import type { ChildKind } from '../../../src/worker/pool/child/host.ts'
import { ChildPool } from '../../../src/worker/pool/child/pool.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'
import { threads } from '../../../src/worker/pool/threads/thread.ts'
import { inFull } from '../../tier.ts'
import { eventually } from '../../wait.ts'

const url = (name: string): string => new URL(name, import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'children-'))
const broker = `sqlite:${join(folder, 'tasks.db')}`

interface Line {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

interface Opened {
  readonly pool: ChildPool
  readonly app: App
  readonly lines: Line[]
}

afterAll(() => rmSync(folder, { recursive: true }))

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A pool whose log is kept. */
function makePool(kind: ChildKind, module: string, size = 1): Opened {
  const lines: Line[] = []
  const app = new App({ broker, logger: createLogger('info', { write: (line) => lines.push(JSON.parse(line)) }) })
  const pool = new ChildPool(app, kind, { size, module: url(module) })
  ends.push(
    () => pool.stop(),
    () => app.close(),
  )
  return { pool, app, lines }
}

async function openPool(kind: ChildKind, module = './childTasks.ts', size = 1): Promise<Opened> {
  const opened = makePool(kind, module, size)
  await opened.pool.start()
  return opened
}

function run(
  pool: ChildPool,
  task: string,
  args: unknown[] = [],
  report?: (said: Report) => void,
  kill?: AbortSignal,
): Promise<Outcome> {
  const job = jobOf(`id-${task}`, task, args)
  const never = (): AbortSignal => new AbortController().signal
  return pool.run(job, { signal: never(), kill: kill ?? never(), report: report ?? (() => undefined) })
}

async function until(done: () => boolean): Promise<void> {
  await eventually(async () => done(), Boolean)
}

describe.each([processes(), ...inFull(threads())])('a pool of $plural', (kind) => {
  const open = (module?: string, size?: number): Promise<Opened> => openPool(kind, module, size)
  const make = (module: string, size?: number): Opened => makePool(kind, module, size)

  it('has the stores of the app in its children', async () => {
    const { pool } = await open()
    const outcome = await run(pool, 'where')
    expect(outcome).toMatchObject({ kind: 'success', result: { broker, backend: broker } })
    const { thread, pid } = (outcome as { result: { thread: number; pid: number } }).result
    expect(kind.noun === 'thread' ? thread > 0 : pid !== process.pid).toBe(true)
  })

  it('lets a task call another', async () => {
    const { pool, app } = await open()
    expect(await run(pool, 'call', ['child-1'])).toEqual({ kind: 'success', result: 'PENDING', children: ['child-1'] })
    expect(await app.result('child-1').state()).toBe('PENDING')
  })

  it('writes what tasks log through the logger of the app, also what cannot cross', async () => {
    const { pool, lines } = await open()
    await run(pool, 'say', ['hello'])
    const line = lines.find(({ msg }) => msg === 'said')
    expect(line).toMatchObject({ level: 30, words: 'hello', task: 'say', id: 'id-say' })
    expect(line?.call).toContain('=>')
  })

  it('reports a rejection that nothing handles, with the child that it ended', async () => {
    const { pool, lines } = await open()
    expect(await run(pool, 'forget')).toMatchObject({ kind: 'stopped', by: 'crash', error: { message: /forgotten/ } })
    expect(lines).toMatchObject([{ level: 50, task: 'forget', err: { type: 'RangeError', message: 'forgotten' } }])
  })

  it('replaces a child that dies while it is idle, and logs it', async () => {
    const { pool, lines } = await open()
    await run(pool, 'leave', [50])
    await until(() => lines.length > 0)
    expect(lines).toMatchObject([{ level: 50, msg: `an idle ${kind.noun} ended by itself: exit code 4` }])
    expect(await run(pool, 'where')).toMatchObject({ kind: 'success' })
  })

  it('a result that serializes but cannot be cloned is a failure', async () => {
    const { pool } = await open()
    const outcome = await run(pool, 'uncloneable')
    expect(outcome.kind).toBe('failure')
    expect(await run(pool, 'where')).toMatchObject({ kind: 'success' })
  })

  it('closes the stores of each child', async () => {
    const log = join(folder, `closed-${kind.noun}`)
    process.env.CLOSE_LOG = log
    try {
      const { pool } = await open('./childTasks.ts', 2)
      await pool.stop()
      expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(2)
    } finally {
      delete process.env.CLOSE_LOG
    }
  })

  it('start fails with the error of the module, and leaves no child behind', async () => {
    const { pool } = make('./modules/broken.ts', 2)
    const error = await pool.start().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'RangeError', message: 'not today' })
    expect((error as Error).stack).toContain('broken.ts')
    expect(await run(pool, 'where')).toMatchObject({ kind: 'stopped', by: 'shutdown' })
  })

  it('start fails for a missing file, a module without an app, and one that never finishes', async () => {
    await expect(make('./modules/nowhere.ts').pool.start()).rejects.toBeInstanceOf(ConfigError)
    await expect(make('./modules/none.ts').pool.start()).rejects.toBeInstanceOf(ConfigError)
    await expect(make('./modules/hanging.ts').pool.start()).rejects.toThrow('exit code 13')
  })

  it('tries again, and waits longer each time, when a later child cannot load the module', async () => {
    process.env.LOAD_COUNT = join(folder, `count-${kind.noun}`)
    const { pool, lines } = await open('./modules/once.ts')
    await run(pool, 'exit')
    const before = performance.now()
    expect(await run(pool, 'tries')).toEqual({ kind: 'success', result: 4 })
    expect(performance.now() - before).toBeGreaterThan(600)
    expect(lines.map(({ err }) => (err as Error).message)).toEqual(['try 2 fails', 'try 3 fails'])
    delete process.env.LOAD_COUNT
  })
})

describe('a pool of threads', () => {
  it('does not wait for native code that cannot be interrupted', async () => {
    const { pool, lines } = await openPool(threads())
    const kill = new AbortController()
    const before = performance.now()
    const outcome = await run(pool, 'native', [5], () => setTimeout(() => kill.abort('time limit'), 200), kill.signal)
    expect(outcome).toMatchObject({ kind: 'stopped', by: 'time limit', terminated: true })
    expect(performance.now() - before).toBeLessThan(4000)
    expect(lines).toMatchObject([{ level: 40, msg: expect.stringContaining('native code') }])
    expect(await run(pool, 'where')).toMatchObject({ kind: 'success' })
  })
})

describe.each(['threads', 'processes'] as const)('a program with a pool of %s', (name) => {
  it('passes on what tasks print, and ends by itself after stop', async () => {
    const script = join(folder, `${name}.mjs`)
    const file = name === 'threads' ? 'threads/thread.ts' : 'processes/process.ts'
    writeFileSync(
      script,
      `import { ChildPool } from '${url('../../../src/worker/pool/child/pool.ts')}'
       import { ${name} } from '${url(`../../../src/worker/pool/${file}`)}'
       import { App } from '${url('../../../src/app/app.ts')}'
       const pool = new ChildPool(new App({ broker: '${broker}' }), ${name}(), { size: 2, module: '${url('./childTasks.ts')}' })
       await pool.start()
       const job = { id: '1', task: 'say', args: ['printed'], kwargs: {}, retries: 0, headers: {}, rootId: '1' }
       const never = new AbortController().signal
       await pool.run(job, { signal: never, kill: never, report() {} })
       await pool.stop()`,
    )
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...process.execArgv, script], {
      timeout: 10_000,
    })
    expect(stdout).toBe('printed\n')
    expect(JSON.parse(stderr)).toMatchObject({ words: 'printed', msg: 'said' })
  })
})
