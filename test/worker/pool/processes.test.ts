import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Outcome } from '../../../src/protocol/outcome.ts'
import { createLogger } from '../../../src/std/log.ts'
import { jobOf } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { ChildPool } from '../../../src/worker/pool/child/pool.ts'
import { processes } from '../../../src/worker/pool/processes/process.ts'

const url = (name: string): string => new URL(name, import.meta.url).href

async function open(size = 1): Promise<ChildPool> {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  const pool = new ChildPool(app, processes(), { size, module: url('./childTasks.ts') })
  onTestFinished(async () => {
    await pool.stop()
    await app.close()
  })
  await pool.start()
  return pool
}

interface Started {
  readonly outcome: Promise<Outcome>
  readonly pids: Promise<readonly number[]>
  kill(): void
}

function start(pool: ChildPool, task: string, args: unknown[] = []): Started {
  const job = jobOf(`id-${task}`, task, args)
  const kill = new AbortController()
  const pids = Promise.withResolvers<readonly number[]>()
  const outcome = pool.run(job, {
    signal: new AbortController().signal,
    kill: kill.signal,
    report: ({ meta }) => pids.resolve((meta as { pids: number[] }).pids),
  })
  return { outcome, pids: pids.promise, kill: () => kill.abort('time limit') }
}

/** A process that is there, and not only its entry in the table of its parent. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function ended(pids: readonly number[]): Promise<void> {
  expect(pids).toHaveLength(2)
  await until(`processes ${pids} have ended`, () => !pids.some(runs))
}

it.each([
  ['signal', ['SIGSEGV'], /^the process ended by itself: signal SIGSEGV: native code failed$/],
  ['signal', ['SIGKILL'], /signal SIGKILL: killed from outside/],
  ['abort', [], /signal SIGABRT: it aborted/],
])('%s(%s) ends one process alone, and the slot is filled again', async (task, args, message) => {
  const pool = await open(2)
  const beside = start(pool, 'where')
  expect(await start(pool, task, args).outcome).toMatchObject({ kind: 'stopped', by: 'crash', error: { message } })
  expect(await beside.outcome).toMatchObject({ kind: 'success' })
  const pids = await Promise.all([0, 1].map(() => start(pool, 'where').outcome))
  expect(pids).toMatchObject([{ kind: 'success' }, { kind: 'success' }])
})

it('native code ends at once, too', async () => {
  const pool = await open()
  const { outcome, pids, kill } = start(pool, 'native', [600])
  await pids
  kill()
  expect(await outcome).toMatchObject({ kind: 'stopped', by: 'time limit', terminated: true })
  expect(await start(pool, 'where').outcome).toMatchObject({ kind: 'success' })
})

it('what a killed job has started ends with it', async () => {
  const pool = await open()
  const { outcome, pids, kill } = start(pool, 'family')
  const both = await pids
  expect(both.map(runs)).toEqual([true, true])
  kill()
  await outcome
  await ended(both)
})

it('what a job has started that ended its process ends with it', async () => {
  const pool = await open()
  const { outcome, pids } = start(pool, 'leaveChild')
  expect(await outcome).toMatchObject({ kind: 'stopped', by: 'crash', error: { message: /exit code 5/ } })
  await ended(await pids)
})

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s is for the worker: a job goes on', async (name) => {
  const pool = await open()
  const running = start(pool, 'obey', [name])
  expect(await running.outcome).toMatchObject({ kind: 'success', result: 'went on' })
})

it('no process is left when its worker is killed while it never looks at its event loop', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-orphan-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const script = join(folder, 'worker.mjs')
  writeFileSync(
    script,
    `import { ChildPool } from '${url('../../../src/worker/pool/child/pool.ts')}'
     import { processes } from '${url('../../../src/worker/pool/processes/process.ts')}'
     import { App } from '${url('../../../src/app/app.ts')}'
     const pool = new ChildPool(new App({ broker: 'memory:' }), processes(), { size: 1, module: '${url('./childTasks.ts')}' })
     await pool.start()
     const job = { id: '1', task: 'family', args: [], kwargs: {}, retries: 0, headers: {}, rootId: '1' }
     const never = new AbortController().signal
     await pool.run(job, { signal: never, kill: never, report: ({ meta }) => console.log(JSON.stringify(meta.pids)) })`,
  )
  const worker = execFile(process.execPath, [...process.execArgv, script])
  onTestFinished(() => void worker.kill('SIGKILL'))
  const pids = JSON.parse(String(await new Promise((resolve) => worker.stdout?.once('data', resolve)))) as number[]
  expect(pids.map(runs)).toEqual([true, true])
  worker.kill('SIGKILL')
  await ended(pids)
})

it('a process that cannot be started is an error, and the pool can be started again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const script = join(folder, 'worker.mjs')
  writeFileSync(
    script,
    `import { closeSync, openSync } from 'node:fs'
     import { ChildPool } from '${url('../../../src/worker/pool/child/pool.ts')}'
     import { processes } from '${url('../../../src/worker/pool/processes/process.ts')}'
     import { App } from '${url('../../../src/app/app.ts')}'
     const app = new App({ broker: 'memory:' })
     const pool = new ChildPool(app, processes(), { size: 1, module: '${url('./childTasks.ts')}' })
     const files = []
     try {
       for (;;) files.push(openSync('/dev/null'))
     } catch {}
     const error = await pool.start().catch((error) => error)
     for (const file of files) closeSync(file)
     await pool.start()
     await pool.stop()
     console.log(error.code)`,
  )
  const limited = ['-c', 'ulimit -n 100 && exec "$@"', 'sh', process.execPath, ...process.execArgv, script]
  const { stdout } = await promisify(execFile)('sh', limited, { timeout: 60_000 })
  expect(stdout).toBe('EMFILE\n')
})
