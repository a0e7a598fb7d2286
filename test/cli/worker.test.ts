import { describe, expect, test } from 'vitest'
import { inFull, isFull } from '../tier.ts'
import { project, runShared, send, start, startWorker } from './harness.ts'

describe('worker', () => {
  test('banner on standard output, JSON lines on standard error', async () => {
    const folder = project()
    const worker = await startWorker(folder, '-n', 'mail@%%h', '-Q', 'celery,reports', '-c', '7')
    expect(worker.stdout).toMatch(/^\n celeriac v\d+\.\d+\.\d+ · mail@%h\n/)
    expect(worker.stdout).toContain(
      ` .> app:         shop (tasks.ts)\n .> transport:   sqlite:${folder}/.celeriac/celeriac.db\n`,
    )
    expect(worker.stdout).toContain(
      ' .> concurrency: 7 (inline)\n\n [queues]\n .> celery\n .> reports\n\n [tasks]\n  . add\n',
    )

    await send(folder, 'add', [1, 2], { taskId: 'a1' })
    await send(folder, 'boom', [], { taskId: 'b1' })
    await send(folder, 'nowhere', [], { taskId: 'n1' })
    await runShared(folder, ['call', 'reports.render', '-A', 'tasks.ts', '--task-id', 'r1'])
    await worker.until(/reports\.render\[r1\] succeeded/)
    const lines = worker.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const texts = lines.map(({ level, msg }) => `${level} ${msg.replace(/\d+\.\d{3}s/, '0s')}`)
    expect(texts).toEqual([
      '30 mail@%h ready',
      '30 Task add[a1] received',
      '30 Task add[a1] succeeded in 0s: 3',
      '30 Task boom[b1] received',
      '50 Task boom[b1] failed in 0s: TypeError: no such thing',
      expect.stringMatching(/^50 Task nowhere\[n1\] is not registered here: it was sent to queue celery$/),
      '30 Task reports.render[r1] received',
      "30 Task reports.render[r1] succeeded in 0s: 'rendered'",
    ])
    expect(lines[4]).toMatchObject({ id: 'b1', task: 'boom', queue: 'celery', error: 'TypeError' })
    expect(lines[4].traceback).toMatch(/^TypeError: no such thing\n {4}at .*tasks\.ts/)
  })

  if (isFull)
    test('-l error says only what is wrong', async () => {
      const folder = project()
      const worker = start(folder, ['worker', '-A', 'tasks.ts', '-l', 'error'])
      await worker.until(/\[tasks\]/)
      await runShared(folder, ['call', 'add', '1', '2', '--wait'])
      await runShared(folder, ['call', 'boom', '--wait'])
      await worker.until(/boom\S* failed/)
      expect(worker.stderr.trim().split('\n')).toHaveLength(1)
    })

  test('a forgotten promise of a task does not end the worker', async () => {
    const folder = project()
    const worker = await startWorker(folder)
    expect(await runShared(folder, ['call', 'stray', '--wait'])).toMatchObject({ code: 0, stdout: '"ok"\n' })
    await worker.until(/"msg":"a promise was rejected without a handler: forgotten"/)
    expect(await runShared(folder, ['call', 'add', '1', '2', '--wait'])).toMatchObject({ code: 0 })
  })

  test('it goes on when nobody reads its log any more', async () => {
    const folder = project()
    const worker = await startWorker(folder)
    worker.child.stdout?.destroy()
    worker.child.stderr?.destroy()
    for (const _ of [1, 2]) {
      expect(await runShared(folder, ['call', 'add', '1', '2', '--wait'])).toMatchObject({ code: 0, stdout: '3\n' })
    }
  })

  test.each([
    ['threads', ['-P', 'threads', '--child-heap', '200', '--disable-prefetch', '--prefetch-multiplier', '1']],
    ['processes', ['-P', 'prefork', '--max-tasks-per-child', '1', '--max-memory-per-child', '500000']],
  ])('%s', async (kind, flags) => {
    const folder = project()
    const worker = await startWorker(folder, ...flags, '-c', '1')
    expect(worker.stdout).toContain(` .> concurrency: 1 (${kind})\n`)
    expect(await runShared(folder, ['call', 'add', '1', '1', '--wait'])).toMatchObject({ code: 0, stdout: '2\n' })
    expect(await runShared(folder, ['call', 'add', '20', '22', '--wait'])).toMatchObject({ code: 0, stdout: '42\n' })
  })
})

describe('stopping a worker', () => {
  test.each(['SIGTERM', ...inFull('SIGINT' as const)] as const)(
    '%s: what runs is finished, exit code 0',
    async (signal) => {
      const folder = project()
      const worker = await startWorker(folder)
      await send(folder, 'slow', [20], { taskId: 's1' })
      await worker.until(/slow\[s1\] received/)
      worker.child.kill(signal)
      const { code, stderr } = await worker.ended
      expect(stderr).toMatch(
        /"msg":"stopping: 1 task runs, waiting at most 25 s, then requeued; a second signal stops at once"/,
      )
      expect(stderr).toContain('Task slow[s1] succeeded')
      expect(code).toBe(0)
      expect((await runShared(folder, ['result', 's1'])).stdout).toContain('state:     SUCCESS\n')
    },
  )

  test('with nothing to do it ends at once', async () => {
    const worker = await startWorker(project())
    worker.child.kill('SIGINT')
    const { code, stderr } = await worker.ended
    expect(stderr).toContain('"msg":"stopping: no task runs"')
    expect(code).toBe(0)
  })

  test('after the grace time the rest is given back, and another worker runs it', async () => {
    const folder = project()
    const worker = await startWorker(folder, '--grace', '100ms')
    await send(folder, 'forever', [], { taskId: 'f1' })
    await worker.until(/forever\[f1\] received/)
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    const next = await startWorker(folder)
    await next.until(/forever\[f1\] received/)
  })

  test('the second signal stops at once and gives all back, exit code 1', async () => {
    const folder = project()
    const worker = await startWorker(folder)
    await send(folder, 'forever', [], { taskId: 'f1' })
    await worker.until(/forever\[f1\] received/)
    worker.child.kill('SIGINT')
    await worker.until(/stopping: 1 task runs/)
    // A signal right after the first is the same one, passed on by npm.
    worker.child.kill('SIGINT')
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(worker.child.exitCode).toBeNull()
    const since = performance.now()
    worker.child.kill('SIGINT')
    const { code, stderr } = await worker.ended
    expect(performance.now() - since).toBeLessThan(3000)
    expect(stderr).toContain('"msg":"stopping at once: running tasks are requeued"')
    expect(code).toBe(1)
    expect((await runShared(folder, ['status'])).stdout).toContain('waiting:   celery 1\n')
  })

  if (isFull)
    test('a second worker of one machine has a name of its own', async () => {
      const folder = project()
      const first = await startWorker(folder)
      const second = await startWorker(folder)
      expect(first.stdout).toMatch(/ · celeriac@\S+\n/)
      expect(second.stdout).toMatch(/ · celeriac-2@\S+\n/)
      const names = /^workers: {3}celeriac-2@\S+, celeriac@\S+$/m
      expect((await runShared(folder, ['status'])).stdout).toMatch(names)
    })

  if (isFull)
    test('SIGQUIT stops at once, exit code 1', async () => {
      const folder = project()
      const worker = await startWorker(folder)
      await send(folder, 'forever', [], { taskId: 'f1' })
      await worker.until(/forever\[f1\] received/)
      expect((await runShared(folder, ['status'])).stdout).toMatch(/^workers: {3}celeriac@\S+$/m)
      worker.child.kill('SIGQUIT')
      expect((await worker.ended).code).toBe(1)
      expect((await runShared(folder, ['status'])).stdout).toContain('waiting:   celery 1\n')
    })
})
