import { describe, expect, test } from 'vitest'
import { project, run, runShared, send, start, startWorker } from './harness.ts'

const ended = (stdout: string, code = 0) => ({ code, stdout, stderr: '' })
const doctor = (folder: string, id?: string) => runShared(folder, ['doctor', ...(id ? [id] : []), '-A', 'tasks.ts'])

describe('jobs by hand', () => {
  test('list, change, promote, and revoke by filter', async () => {
    const folder = project()
    await send(folder, 'add', [1, 2], { taskId: 'one', countdown: '1h' })
    await send(folder, 'reports.render', [], { taskId: 'two' })
    const { stdout } = await run(folder, ['list', '--task', 'add'])
    expect(stdout).toMatch(/^one {34}PENDING {2}\d\d-\d\d \d\d:\d\d add\n$/)
    expect(JSON.parse((await runShared(folder, ['list', '--json'])).stdout).jobs).toHaveLength(2)
    expect(await runShared(folder, ['list', '--state', 'FAILURE'])).toEqual(ended('no job fits\n'))

    expect(await runShared(folder, ['change', 'one', '--args', '[3, 4]', '-q', 'late'])).toEqual(ended('changed one\n'))
    expect(await runShared(folder, ['promote', 'one'])).toEqual(ended('promoted one\n'))
    expect(JSON.parse((await runShared(folder, ['status', '--json', '-Q', 'late'])).stdout).queues).toEqual({ late: 1 })
    expect(await runShared(folder, ['change', 'one'])).toMatchObject({ code: 2, stdout: '' })
    expect(await runShared(folder, ['change', 'none', '--priority', '3'])).toMatchObject({ code: 1, stdout: '' })

    expect((await runShared(folder, ['revoke', '--task', 'add', '--dry-run'])).stdout).toMatch(
      /^one .*\n1 would be revoked\n$/,
    )
    expect((await runShared(folder, ['revoke', '--state', 'PENDING', '--dry-run', '--limit', '1'])).stdout).toMatch(
      /^two .*\nat least 1 would be revoked\nmore fit: go on with --cursor \S+\n$/,
    )
    expect(await runShared(folder, ['revoke'])).toMatchObject({ code: 2, stdout: '' })
    expect(await runShared(folder, ['revoke', 'one', '--dry-run'])).toMatchObject({ code: 2, stdout: '' })
    expect(await runShared(folder, ['revoke', '--task', 'add'])).toEqual(ended('1 revoked\n'))
    expect(await runShared(folder, ['promote', 'one'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('it has ended (REVOKED)'),
    })
  })

  test('forget: what has ended, or is revoked; what has not ended is a failure', async () => {
    const folder = project()
    await send(folder, 'add', [1, 2], { taskId: 'one', countdown: '1h' })
    expect(await runShared(folder, ['forget', '--revoke'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'celeriac: forget: expected ids of tasks, or --owner, --tag\n',
    })
    const counts = 'records 0, events 0, metadata 0, inputs 0, waits 0, deliveries 0, dead letters 0'
    expect(await runShared(folder, ['forget', 'one', 'none'])).toEqual({
      code: 1,
      stdout: `0 forgotten (${counts})\nnot ended: one\n`,
      stderr: 'celeriac: not forgotten, as they have not ended: 1; with --revoke they are revoked before\n',
    })
    const { code, stdout } = await runShared(folder, ['forget', 'one', '--revoke', '--json'])
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { ids: ['one'], active: [], removed: { records: 1 } }])
  })

  test('retry: what has failed; a dry run lists it, and a repeated call submits nothing', async () => {
    const tasks = `
      import { Celeriac } from 'celeriac'
      export const app = new Celeriac({ broker: 'sqlite:t.db', logger: false })
      app.task('boom', () => Promise.reject(new RangeError('no disk')))
      app.task('seed', async () => void (await app.send('boom', [], { taskId: 'one', keepInput: true })))
    `
    const folder = project({ 'tasks.ts': tasks })
    const on = (...args: string[]) => runShared(folder, [...args, '-A', 'tasks.ts'])
    await on('call', 'seed')
    const worker = start(folder, ['worker', '-A', 'tasks.ts', '--max-tasks', '2'])
    expect((await worker.ended).code).toBe(0)
    expect((await on('retry', '--error', 'disk', '--dry-run')).stdout).toMatch(
      /^one +FAILURE .* boom\n1 would be submitted again\n$/,
    )
    expect((await on('retry', '--since', '1h', '--rate', '300/m')).stdout).toMatch(
      /^one submitted again as \S+\n1 submitted again\n$/,
    )
    expect(await on('retry', 'one', 'gone')).toEqual({
      code: 1,
      stdout: '0 submitted again\n1 were submitted again before\n',
      stderr: 'celeriac: not found, or not FAILURE: gone\n',
    })
    const wrong = await on('retry')
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/^celeriac: retry: expected ids of tasks, or /),
    ])
    expect(await on('retry', '--task', 'boom', '--rate', 'fast')).toMatchObject({ code: 2, stdout: '' })
  })

  test('a store that keeps no list says so', async () => {
    expect(await runShared(project(), ['list', '--result-backend', 'rpc://', '-b', 'memory:'])).toMatchObject({
      code: 1,
      stdout: '',
    })
  })
})

describe('doctor', () => {
  test('without a worker: why a job does not run, with its reason first', async () => {
    const folder = project()
    await send(folder, 'add', [1, 2], { taskId: 'late', countdown: '1h' })
    await send(folder, 'add', [1, 2], { taskId: 'waits' })
    expect(await doctor(folder, 'late')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^delayed: .* until /),
    })
    expect(await doctor(folder, 'waits')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^no-consumer: .*-Q/),
    })
    const none = await run(folder, ['doctor', 'none', '-A', 'tasks.ts', '--json'])
    expect(none.code).toBe(1)
    expect(JSON.parse(none.stdout)).toEqual({ findings: [{ check: 'unknown-job', text: expect.any(String) }] })
    expect(await doctor(folder)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^no-worker: .*\nno-consumer: .*celery \(1 waiting\)/),
    })
    await runShared(folder, ['revoke', 'waits'])
    expect(await doctor(folder, 'waits')).toMatchObject({ stdout: expect.stringMatching(/^ended: .*REVOKED/) })
  })

  test('with a worker: a task that it does not know; else nothing', async () => {
    const folder = project()
    await startWorker(folder)
    await send(folder, 'strange', [], { taskId: 'strange', countdown: '1h' })
    expect((await doctor(folder, 'strange')).stdout).toMatch(/^unknown-task: .*strange/m)
    expect(await doctor(folder)).toEqual(ended('nothing found\n'))
  })
})
