import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Worker } from '../../src/worker/worker.ts'
import { jobOf, problemOf, type Service, startService, stores } from './harness.ts'

describe.each(stores)('with a worker on %s', (store) => {
  let service: Service
  let worker: Worker
  beforeAll(async () => {
    service = await startService(store)
    worker = new Worker(service.app, { concurrency: 4 })
    await worker.start()
  })
  afterAll(async () => {
    await worker.stop({ grace: 0 })
    await service[Symbol.asyncDispose]()
  })

  const submit = async (task: string, body: unknown): Promise<string> =>
    (await jobOf(await service.post(`/v1/tasks/${task}`, body))).id as string
  const ended = async (id: string): Promise<void> => {
    await service.app
      .result(id)
      .get({ timeout: '10s' })
      .catch(() => undefined)
  }

  test('a job comes to its result', async () => {
    const id = await submit('tasks.add', [20, 22])
    await ended(id)
    expect(await (await service.fetch(`/v1/jobs/${id}/result`)).json()).toBe(42)
    const job = await jobOf(await service.fetch(`/v1/jobs/${id}`))
    expect(job).toMatchObject({
      state: 'SUCCESS',
      attempt: 1,
      result: 42,
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
    })
  })

  test('the worker applies the schema: defaults and coercion', async () => {
    const id = await submit('reports.render', { id: 'r1', dpi: '300' })
    await ended(id)
    expect(await (await service.fetch(`/v1/jobs/${id}/result`)).json()).toEqual({ url: '/reports/r1@300', pages: 1 })
  })

  test('big integers go through unharmed', async () => {
    const response = await service.fetch('/v1/tasks/tasks.echo', {
      method: 'POST',
      body: '[{"n":12345678901234567890}]',
      headers: { 'content-type': 'application/json' },
    })
    const { id } = await jobOf(response)
    await ended(id as string)
    expect(await (await service.fetch(`/v1/jobs/${id}/result`)).text()).toBe('{"n":12345678901234567890}')
  })

  test('a failure is a 409 that tells the error', async () => {
    const id = await submit('tasks.fail', ['too far'])
    await ended(id)
    const problem = await problemOf(await service.fetch(`/v1/jobs/${id}/result`), 409, 'job-failed')
    expect(problem).toMatchObject({ error: { type: 'RangeError', message: 'too far' } })
    expect(JSON.stringify(problem)).not.toContain('harness.ts')
  })

  test('DELETE stops a running job: 202, then REVOKED', async () => {
    const started = new Promise<void>((resolve) => {
      const stop = service.app.on('task:prerun', ({ task }) => {
        if (task !== 'tasks.wait') return
        stop()
        resolve()
      })
    })
    const id = await submit('tasks.wait', {})
    await started
    const response = await service.fetch(`/v1/jobs/${id}`, { method: 'DELETE' })
    expect(response.status).toBe(202)
    await ended(id)
    expect(await jobOf(await service.fetch(`/v1/jobs/${id}`))).toMatchObject({ state: 'REVOKED' })
    await problemOf(await service.fetch(`/v1/jobs/${id}/result`), 409, 'job-revoked')
  })

  test('a task that no worker knows fails', async () => {
    const id = await submit('python.multiply', [6, 7])
    await ended(id)
    await problemOf(await service.fetch(`/v1/jobs/${id}/result`), 409, 'job-failed')
  })
})
