import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { uuidOf } from '../../src/std/id.ts'
import { troubleKey } from '../../src/webhook/endpoint.ts'
import { storesOf } from '../app/stores.ts'
import { secretOf } from '../webhook/receiver.ts'
import { project, run, runShared, start, startWorker } from './harness.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/

describe('without a worker', () => {
  test('call prints the id; result, status, revoke and purge tell of it', async () => {
    const folder = project()
    expect(await run(folder, ['call', 'add', '-1', '2'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(UUID),
    })
    const options = ['--task-id', 'one', '--countdown', '1h', '--priority', '9', '--expires', '2d', '-q', 'late']
    expect(await runShared(folder, ['call', 'add', '1', '2', ...options])).toEqual({
      code: 0,
      stdout: 'one\n',
      stderr: '',
    })

    const { stdout } = await runShared(folder, ['result', 'one'])
    expect(stdout).toMatch(/^id: {8}one\ntask: {6}add\nstate: {5}PENDING\nqueue: {5}late\nsubmitted: .*Z\n$/)
    const record = await runShared(folder, ['result', 'one', '--json'])
    expect(JSON.parse(record.stdout)).toMatchObject({ id: 'one', task: 'add', state: 'PENDING', queue: 'late' })

    expect((await runShared(folder, ['status', '-A', 'tasks.ts'])).stdout).toBe(
      `store:     sqlite:${folder}/.celeriac/celeriac.db\nreachable: yes\nworkers:   none answers\nwaiting:   celery 1, reports 0\ntasks:     PENDING 2\n`,
    )

    expect(await runShared(folder, ['revoke', 'one'])).toEqual({ code: 0, stdout: 'revoked one\n', stderr: '' })
    expect(await runShared(folder, ['revoke', 'one'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'celeriac: task one has ended already: REVOKED\n',
    })
    expect(await runShared(folder, ['result', 'one'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('error:     TaskRevokedError: revoked\n'),
    })

    expect(await run(folder, ['purge', '-Q', 'celery,late', '-f'])).toEqual({
      code: 0,
      stdout: 'celery: 1 message dropped\nlate: 0 messages dropped\n',
      stderr: '',
    })
    expect(JSON.parse((await runShared(folder, ['status', '--json'])).stdout)).toMatchObject({
      reachable: true,
      queues: { celery: 0 },
    })
  })

  test('webhook: what is known against an endpoint, and its end', async () => {
    const folder = project()
    const url = 'https://example.com/hook'
    const state = async (...more: string[]) => {
      const { code, stdout, stderr } = await runShared(folder, ['webhook', url, ...more])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout
    }
    expect(await state()).toBe(`${url} works, as far as is known\n`)
    const app = new Celeriac({ broker: `sqlite:${join(folder, '.celeriac/celeriac.db')}` })
    onTestFinished(() => app.close())
    const { backend } = await storesOf(app)
    const know = (trouble: object) =>
      backend.notes?.put({ key: troubleKey(url), value: JSON.stringify(trouble), expires: Date.now() + 60_000 })
    await know({ since: 0 })
    expect(await state('-A', 'tasks.ts')).toBe(`${url} has failed since 1970-01-01T00:00:00.000Z\n`)
    await know({ since: 0, disabled: 'no address' })
    expect(await state()).toBe(`${url} is disabled: no address\n`)
    expect(await state('--enable')).toBe(`${url} is enabled again\n`)
    expect(await state('--enable')).toBe(`${url} was not disabled\n`)
    expect(await run(folder, ['webhook', 'nothing'])).toEqual({
      code: expect.any(Number),
      stdout: '',
      stderr: 'celeriac: webhook: expected a URL, got "nothing"\n',
    })
    expect((await runShared(folder, ['webhook', url, '--result-backend', 'rpc://'])).stderr).toMatch(
      /^celeriac: rpc:.* remembers nothing of webhooks: none is ever disabled\n$/,
    )
  })

  test('revoke without a module sends the delivery of the webhook', async () => {
    const folder = project()
    const webhooks = { secret: secretOf('one') }
    const app = new Celeriac({ broker: `sqlite:${join(folder, '.celeriac/celeriac.db')}`, webhooks })
    onTestFinished(() => app.close())
    const { id } = await app.send('add', [1, 2], { webhook: 'https://example.com/hook', queue: 'late' })
    expect(await runShared(folder, ['revoke', id])).toEqual({ code: 0, stdout: `revoked ${id}\n`, stderr: '' })
    expect(await app.queueSize('late')).toBe(1)
    expect(await app.result(uuidOf(id, 'webhook', 'REVOKED')).info()).toMatchObject({
      task: 'celeriac.webhook',
      state: 'PENDING',
      queue: 'late',
    })
  })

  test('result of an unknown id: one line, exit code 1', async () => {
    const folder = project()
    for (const args of [[], ['--json'], ['--wait']]) {
      const { code, stdout, stderr } = await runShared(folder, ['result', 'nobody', ...args])
      expect(stderr).toMatch(/^celeriac: no task with id nobody was submitted here, or its record has expired.*\n$/)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    }
  })

  test('status --worker: the exit code says whether it answers', async () => {
    const folder = project()
    await startWorker(folder, '-n', 'mail@%h')
    const asked = await runShared(folder, ['status', '--worker', 'mail@%h'])
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^workers: {3}mail@/m) })
    // One that is not there is waited for, though not for long.
    const other = await runShared(folder, ['status', '--worker', 'other'])
    expect(other).toMatchObject({ code: 1, stdout: expect.stringContaining('workers:   none answers') })
  })

  test('revoke of an id without a record says so', async () => {
    const { code, stdout } = await runShared(project(), ['revoke', 'nobody'])
    expect(stdout).toBe('revoked nobody (no record of it here: if a worker takes it, it will not run)\n')
    expect(code).toBe(0)
  })

  test('--wait ends with its time', async () => {
    const { code, stderr, stdout } = await runShared(project(), ['call', 'add', '1', '2', '--wait', '200ms'])
    expect(stderr).toMatch(/^\S+\nceleriac: task \S+ was not ready within 200 ms\n$/)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  })

  test('a task that keeps no record cannot be waited for', async () => {
    const folder = project({
      'tasks.ts':
        "import { App } from 'celeriac'\nexport const app = new App({ ignoreResult: true })\napp.task('quiet', () => 1)\n",
    })
    const { code, stderr } = await runShared(folder, ['call', 'quiet', '-A', 'tasks.ts', '--wait'])
    expect(stderr).toMatch(/\nceleriac: .*ignoreResult.*\n$/)
    expect(code).toBe(1)
  })

  test('stores from the environment, and options before it', async () => {
    const folder = project()
    const env = { CELERIAC_BROKER: 'sqlite:env.db' }
    expect((await runShared(folder, ['status'], { env })).stdout).toContain(`store:     sqlite:${folder}/env.db\n`)
    expect((await runShared(folder, ['status', '-b', 'sqlite:flag.db'], { env })).stdout).toContain(
      `store:     sqlite:${folder}/flag.db\n`,
    )
    const both = { CELERIAC_BROKER: '', CELERIAC_BACKEND: 'sqlite:results.db' }
    expect((await runShared(folder, ['status'], { env: both })).stdout).toContain(
      `store:     sqlite:${folder}/.celeriac/celeriac.db\nresults:   sqlite:${folder}/results.db\n`,
    )
  })

  test('the reader of the output may go away', async () => {
    const status = start(project(), ['status'])
    status.child.stdout?.destroy()
    expect(await status.ended).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('with a worker', () => {
  test('call --wait: the result on stdout, the failure on stderr', async () => {
    const folder = project()
    await startWorker(folder)
    const added = await run(folder, ['call', 'add', '1', '2', '--wait'])
    expect(added).toEqual({ code: 0, stdout: '3\n', stderr: expect.stringMatching(UUID) })
    const id = added.stderr.trim()
    expect((await runShared(folder, ['result', id])).stdout).toMatch(
      /state: {5}SUCCESS\nresult: {4}3\n[\s\S]*worker: {4}celeriac@/,
    )

    expect(await runShared(folder, ['call', 'add', '"a"', '"b"', '-w10s'])).toMatchObject({ code: 0, stdout: '"ab"\n' })
    expect(await runShared(folder, ['call', 'measure', '-k', '{"size": 4}', '-A', 'tasks.ts', '--wait'])).toMatchObject(
      {
        stdout: '8\n',
      },
    )
    expect(await runShared(folder, ['call', 'slow', '4', '--wait'])).toMatchObject({ code: 0, stdout: '4\n' })

    const failed = await runShared(folder, ['call', 'boom', '--wait'])
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toMatch(/^\S+\nceleriac: task boom failed: TypeError: no such thing\n$/)
    const unknown = await runShared(folder, ['call', 'nowhere', '--wait'])
    expect(unknown.stderr).toMatch(/\nceleriac: task nowhere failed: NotRegistered: nowhere\n$/)
    expect(unknown.code).toBe(1)
  })

  test('revoke ends a running task; who waits for it is told', async () => {
    const folder = project()
    const worker = await startWorker(folder)
    expect(await runShared(folder, ['call', 'forever', '--task-id', 'endless'])).toMatchObject({ code: 0 })
    await worker.until(/Task forever\[endless\] received/)
    const waiting = run(folder, ['result', 'endless', '--wait'])
    expect(await runShared(folder, ['revoke', 'endless'])).toMatchObject({ code: 0 })
    const { code, stdout } = await waiting
    expect(stdout).toMatch(/state: {5}REVOKED\n/)
    expect(code).toBe(1)
  })
})
