import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { project, run, runShared, send, start, startWorker } from './harness.ts'

test('-X: the queues of the app and its tasks without these', async () => {
  const worker = await startWorker(project(), '-X', 'celery')
  expect(worker.stdout).toContain(' [queues]\n .> reports\n\n')
})

test('--purge: what waits is dropped, without a question, and counted', async () => {
  const folder = project()
  await send(folder, 'add', [1, 2], { taskId: 'a1' })
  await send(folder, 'add', [1, 2], { countdown: '1h' })
  const worker = await startWorker(folder, '--purge', '-Q', 'celery,reports')
  expect(worker.stdout).toContain('celery: 2 messages dropped\nreports: 0 messages dropped\n')
  expect((await runShared(folder, ['result', 'a1'])).stdout).toContain('state:     REVOKED\n')
})

test('--max-tasks: it ends after so many, exit code 0', async () => {
  const folder = project()
  for (const id of ['a1', 'a2', 'a3']) await send(folder, 'add', [1, 2], { taskId: id })
  const { code, stderr } = await run(folder, ['worker', '-A', 'tasks.ts', '--max-tasks', '2', '-c', '1'])
  expect(code).toBe(0)
  expect(stderr).toContain('"msg":"stopping: it has run as many tasks as --max-tasks allows"')
  expect(stderr.match(/ succeeded in /g)).toHaveLength(2)
  expect((await runShared(folder, ['status'])).stdout).toContain('waiting:   celery 1\n')
})

test('--pidfile: written, refused while that process runs, removed at the end', async () => {
  const folder = project()
  const file = join(folder, 'worker.pid')
  const worker = await startWorker(folder, '--pidfile', 'worker.pid')
  const pid = String(worker.child.pid)
  expect(readFileSync(file, 'utf8')).toBe(`${pid}\n`)
  const second = await run(folder, ['worker', '-A', 'tasks.ts', '--pidfile', 'worker.pid'])
  expect(second.stderr).toBe(
    `celeriac: --pidfile worker.pid: expected no other process, got process ${pid}, which runs\n`,
  )
  expect(second.code).toBe(1)
  expect(readFileSync(file, 'utf8')).toBe(`${pid}\n`)
  worker.child.kill('SIGTERM')
  expect((await worker.ended).code).toBe(0)
  expect(readdirSync(folder).filter((name) => name.includes('.pid'))).toEqual([])
})

test('--pidfile: one of a killed worker is replaced, by one of two that start at once', async () => {
  const folder = project()
  const file = join(folder, 'worker.pid')
  const killed = await startWorker(folder, '--pidfile', 'worker.pid')
  killed.child.kill('SIGKILL')
  await killed.ended
  expect(readFileSync(file, 'utf8')).toBe(`${killed.child.pid}\n`)
  const both = [1, 2].map(() => start(folder, ['worker', '-A', 'tasks.ts', '--pidfile', 'worker.pid']))
  const refused = await Promise.race(both.map((worker) => worker.ended))
  expect(refused.stderr).toMatch(/^celeriac: --pidfile worker\.pid: expected no other process, got process \d+, which/)
  const winner = both.find(({ child }) => child.exitCode === null)
  await winner?.until(/ ready"/)
  expect(readFileSync(file, 'utf8')).toBe(`${winner?.child.pid}\n`)
})

test.each<[string, (file: string) => void, RegExp]>([
  [
    'something else',
    (file) => writeFileSync(file, 'my notes\n'),
    /expected the id of a process in it, or no such file/,
  ],
  ['a folder', (file) => mkdirSync(file), /cannot be written: EISDIR/],
])('--pidfile: a file that holds %s stays as it is', async (_, make, message) => {
  const folder = project()
  const file = join(folder, 'worker.pid')
  make(file)
  const { code, stderr } = await runShared(folder, ['worker', '-A', 'tasks.ts', '--pidfile', 'worker.pid'])
  expect(stderr).toMatch(message)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(code).toBe(1)
  expect(existsSync(file)).toBe(true)
})

test('--pidfile: a folder that is not there is one line', async () => {
  const { code, stderr } = await runShared(project(), ['worker', '-A', 'tasks.ts', '--pidfile', 'no/worker.pid'])
  expect(stderr).toMatch(/^celeriac: --pidfile no\/worker\.pid: cannot be written: ENOENT.*\n$/)
  expect(code).toBe(1)
})

test('--autoscale: in the banner, begins with its min, and wrong pairs are refused', async () => {
  const folder = project()
  const worker = await startWorker(folder, '-P', 'threads', '--autoscale', '3,1')
  expect(worker.stdout).toContain(' .> concurrency: 1 to 3 (threads)\n')
  const refused = async (...options: string[]): Promise<string> =>
    (await runShared(folder, ['worker', '-A', 'tasks.ts', ...options])).stderr
  expect(await refused('-P', 'threads', '--autoscale', '1,3')).toBe(
    'celeriac: autoscale: expected max >= min, got max 1 and min 3\n',
  )
  expect(await refused('--autoscale', '3')).toContain('Expected max,min: two whole numbers, the larger first, as 10,2.')
  expect(await refused('--autoscale', '3,1')).toContain('autoscale: expected pool threads or processes, got inline')
  expect(await refused('-P', 'threads', '--autoscale', '3,1', '-c', '2')).toContain('concurrency: expected none')
})
