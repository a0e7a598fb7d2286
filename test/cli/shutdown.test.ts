import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RabbitServer } from '../rabbitmq/server.ts'
import { RedisServer } from '../redis/server.ts'
import { inFull } from '../tier.ts'
import { project, type Running, run, runShared, send, start, startWorker } from './harness.ts'

/* Each stage of a stop, by real signals to real processes. */

const TASKS = `
import { Celeriac, currentTask } from 'celeriac'
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
export const app = new Celeriac()
// Runs until there is a file of this name, whatever it is asked to.
app.task('hold', async (file) => {
  writeFileSync('run-' + currentTask().id + '-' + process.pid, '')
  while (!existsSync(file)) await sleep(10)
  return 'ended'
})
`

/** Ids of the tasks that have begun, and the processes in which they did. */
function begun(folder: string): { id: string; pid: number }[] {
  const runs = readdirSync(folder).flatMap((name) => /^run-(\w+)-(\d+)$/.exec(name) ?? [])
  return runs.flatMap((_, at) => (at % 3 === 0 ? [{ id: runs[at + 1] ?? '', pid: Number(runs[at + 2]) }] : []))
}

/** A worker that runs these tasks. */
async function holding(
  pool: string,
  ids: readonly string[],
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ worker: Running; folder: string }> {
  const folder = project({ 'tasks.ts': TASKS })
  const worker = start(folder, ['worker', '-A', 'tasks.ts', '-P', pool, '-c', '2', ...flags], env)
  await worker.until(/ ready"/)
  for (const id of ids) await send(folder, 'hold', [`go-${id}`], { taskId: id })
  await expect.poll(() => begun(folder).length, { timeout: 50_000 }).toBe(ids.length)
  return { worker, folder }
}

async function stateOf(folder: string, id: string): Promise<string> {
  const { stdout } = await runShared(folder, ['result', id])
  return /state: +(\w+)/.exec(stdout)?.[1] ?? stdout
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie has ended: its parent has not asked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** No process of its pool is left. */
async function noneLeft(folder: string): Promise<void> {
  await expect.poll(() => begun(folder).filter(({ pid }) => isAlive(pid)), { timeout: 20_000 }).toEqual([])
}

/** In `npm test` the pool with the most to clean up alone; the test of each further signal below has the pool inline. */
describe.each(['processes', ...inFull('inline', 'threads')])('%s', (pool) => {
  test('quiet (SIGTSTP): what runs goes on, nothing more is taken; SIGTERM ends it, exit code 0', async () => {
    const { worker, folder } = await holding(pool, ['a'])
    worker.child.kill('SIGTSTP')
    await worker.until(/quiet: takes no more tasks/)
    await send(folder, 'hold', ['go-b'], { taskId: 'b' })
    writeFileSync(join(folder, 'go-a'), '')
    await worker.until(/hold\[a\] succeeded/)
    expect(worker.child.exitCode).toBeNull()
    expect(begun(folder).map(({ id }) => id)).toEqual(['a'])
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    await noneLeft(folder)
    const next = await startWorker(folder)
    writeFileSync(join(folder, 'go-b'), '')
    await next.until(/hold\[b\] succeeded/)
  })

  test('soft (SIGQUIT with --soft-shutdown-timeout): who ends in time has ended, the rest is requeued; 1', async () => {
    const { worker, folder } = await holding(pool, ['a', 'b'], ['--soft-shutdown-timeout', '6s'])
    worker.child.kill('SIGQUIT')
    await worker.until(/stopping: waiting at most 6 s, then running tasks are requeued/)
    writeFileSync(join(folder, 'go-a'), '')
    const { code, stderr } = await worker.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/hold\[a\] succeeded/)
    expect(stderr).toMatch(/hold\[b\] requeued/)
    await noneLeft(folder)
    expect((await runShared(folder, ['status'])).stdout).toContain('waiting:   celery 1\n')
  })

  test('cold (SIGTERM with REMAP_SIGTERM=SIGQUIT): at once, requeued, exit code 1', async () => {
    const { worker, folder } = await holding(pool, ['a'], [], { REMAP_SIGTERM: 'SIGQUIT' })
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(stderr).toContain('stopping at once: running tasks are requeued')
    expect(stderr).not.toContain('waiting at most')
    expect(code).toBe(1)
    await noneLeft(folder)
    expect((await runShared(folder, ['status'])).stdout).toContain('waiting:   celery 1\n')
  })
})

test('each further signal is stronger: warm, soft, cold', async () => {
  const { worker, folder } = await holding('inline', ['a'], ['--grace', '1h', '--soft-shutdown-timeout', '1h'])
  worker.child.kill('SIGTERM')
  await worker.until(/waiting at most 3600 s, then requeued; a second signal waits at most 3600 s/)
  worker.child.kill('SIGQUIT')
  await worker.until(/stopping: waiting at most 3600 s, then running tasks are requeued/)
  worker.child.kill('SIGQUIT')
  await worker.until(/stopping at once/)
  expect((await worker.ended).code).toBe(1)
  expect(await stateOf(folder, 'a')).toBe('PENDING')
})

test.each([
  ['cold', 'SIGQUIT', 1],
  ['warm', 'SIGTERM', 0],
] as const)('a %s stop does not wait for a hook that keeps the worker from starting', async (_, signal, code) => {
  const hook = `app.onWorkerInit(() => { console.log('it hangs'); return new Promise(() => setInterval(() => 0, 1000)) }, { timeout: '1h' })`
  const worker = start(project({ 'tasks.ts': `${TASKS}\n${hook}` }), ['worker', '-A', 'tasks.ts', '--grace', '100ms'])
  await worker.until(/it hangs/)
  worker.child.kill(signal)
  expect((await worker.ended).code).toBe(code)
})

test('REMAP_SIGTERM: another value is wrong use', async () => {
  const folder = project({ 'tasks.ts': TASKS })
  const { code, stderr } = await run(folder, ['worker', '-A', 'tasks.ts'], { env: { REMAP_SIGTERM: 'SIGKILL' } })
  expect(stderr).toBe('celeriac: REMAP_SIGTERM: expected SIGQUIT, or no such variable, got SIGKILL\n')
  expect(code).toBe(2)
})

/** A server that can be unavailable for a while. */
interface Away {
  readonly url: string
  leave(): Promise<void>
  comeBack(): Promise<void>
}

const BROKERS: Readonly<Record<string, () => Promise<Away>>> = {
  redis: async () => {
    const server = await RedisServer.start({ appendonly: true })
    onTestFinished(() => server.stop())
    return { url: server.url(), leave: () => server.kill(), comeBack: () => server.restart() }
  },
  rabbitmq: async () => {
    const server = await RabbitServer.start()
    onTestFinished(() => server.stop())
    return { url: await server.empty(), leave: () => server.halt(), comeBack: () => server.start() }
  },
}

test.each([['inline', 'redis'], ...inFull(['threads', 'redis'], ['processes', 'redis'], ['inline', 'rabbitmq'])])(
  '%s: a warm stop ends while %s is unavailable, too, with exit code 0; the task runs again',
  async (pool, kind) => {
    const broker = await (BROKERS[kind] as () => Promise<Away>)()
    const folder = project({ 'tasks.ts': TASKS.replace('Celeriac()', `Celeriac({ lease: '2s' })`) })
    const args = ['worker', '-A', 'tasks.ts', '-P', pool, '-c', '2', '--grace', '1s', '-b', broker.url]
    const worker = start(folder, args)
    await worker.until(/ ready"/)
    await runShared(folder, ['call', 'hold', '"go-a"', '--task-id', 'a', '-b', broker.url])
    await expect.poll(() => begun(folder).length, { timeout: 50_000 }).toBe(1)
    await broker.leave()
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    await noneLeft(folder)
    await broker.comeBack()
    writeFileSync(join(folder, 'go-a'), '')
    const next = start(folder, args)
    await next.until(/hold\[a\] succeeded/)
  },
)
