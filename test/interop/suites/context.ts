import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { TaskEnd } from '../../../src/app/afterTask.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask, requestContext, urlFor } from '../../../src/tasks/current.ts'
import { tracing } from '../../../src/telemetry/opentelemetry.ts'
import { until } from '../../app/lab.ts'
import { collect } from '../../telemetry/spans.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** The request context, from Python to us and from us to Python. */
export function context(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let python: PythonClient
  const lines: Record<string, unknown>[] = []
  const ended: TaskEnd[] = []

  function ours() {
    const logger = createLogger('warn', { write: (line: string) => lines.push(JSON.parse(line)) })
    const app = fleet.app({ logger })
    app.task('ts.context', () => requestContext() ?? null)
    app.task('ts.link', () => {
      const { path, values } = requestContext() ?? {}
      return { path, values, url: urlFor('/orders/7') }
    })
    app.task('ts.context_retried', () => {
      if (currentTask()?.attempt === 1) currentTask()?.retry({ countdown: 1 })
      return requestContext()?.path ?? null
    })
    app.task('ts.to_python', async () => (await app.send('py.request', [], { queue: 'python' })).get())
    app.task('ts.traced', async () => (await app.send('py.request', [], { queue: 'python' })).get())
    app.use(tracing({ baggage: ['tenant'] }))
    app.afterTask((end) => ended.push(end))
    return app
  }

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    await fleet.work(ours())
    await fleet.pythonWorker()
    python = await fleet.pythonClient({ queue: 'typescript' })
  })
  afterAll(() => fleet.end())

  const context = {
    method: 'POST',
    path: '/orders',
    base_url: 'https://shop.example/eu',
    query: { page: '1', tag: ['a', 'b'] },
    headers: { 'accept-language': 'fr' },
    identity: 'ada',
    values: { tenant: 'acme' },
  }
  const withContext = (value: unknown) => ({ headers: { celeriac_context: value } })

  describe('from Python', () => {
    test('a context that a Python client sets is read here, and goes on to links', async () => {
      const { base_url: baseUrl, ...same } = context
      expect(await python.run('ts.context', [], withContext(context))).toMatchObject({ result: { ...same, baseUrl } })
      const link = [
        { task: 'ts.link', args: [], immutable: true, options: { queue: 'typescript', task_id: 'context-link' } },
        { task: 'py.request', args: [], immutable: true, options: { queue: 'python', task_id: 'context-link-py' } },
      ]
      await python.run('ts.add', [1, 2], { ...withContext(context), link })
      expect(await python.get('context-link')).toMatchObject({
        result: { path: '/orders', values: { tenant: 'acme' }, url: 'https://shop.example/eu/orders/7' },
      })
      expect(await python.get('context-link-py')).toMatchObject({ result: { context } })
      // Its hook runs when the result is stored, and may be a moment behind whoever reads that.
      await until(() => ended.some(({ id }) => id === 'context-link'))
      expect(ended.find(({ id }) => id === 'context-link')?.request?.identity).toBe('ada')
    })

    test('it stays through retries, and goes to children, also in Python', async () => {
      expect(await python.run('ts.context_retried', [], withContext(context))).toMatchObject({ result: '/orders' })
      expect(await python.run('ts.to_python', [], withContext(context))).toMatchObject({ result: { context } })
    })

    test.each([
      ['text', 'garbage'],
      ['a list', [1, 2]],
      ['a wrong field', { path: 7 }],
      ['a base that is none', { base_url: 'javascript:alert(1)' }],
      ['too large', { values: { text: 'x'.repeat(20_000) } }],
      ['too deep', { values: JSON.parse('{"a":'.repeat(60) + 1 + '}'.repeat(60)) }],
      ['a typed value', { values: { when: { __type__: 'datetime', __value__: '2026-01-01T00:00:00' } } }],
      ['a key of a prototype', JSON.parse('{"values":{"__proto__":{"admin":true}}}')],
    ])('%s is ignored with a warning, and the task runs and is retried', async (_what, header) => {
      lines.length = 0
      const answer = await python.run('ts.context_retried', [], withContext(header))
      expect(answer).toMatchObject({ status: 'SUCCESS', result: null })
      expect(lines[0]).toMatchObject({
        level: 40,
        task: 'ts.context_retried',
        problem: expect.any(String),
        msg: 'the header celeriac_context is ignored: it cannot be read',
      })
    })
  })

  describe('to Python', () => {
    test('a Python task reads the context that was set here', async () => {
      const app = fleet.app()
      const handle = await app.withContext({ tenant: 'acme', n: 1.5 }, () =>
        app.send<Record<string, unknown>>('py.request', [], { queue: 'python' }),
      )
      const { context: seen } = await handle.get()
      expect(seen).toEqual({ values: { tenant: 'acme', n: 1.5 } })
    })
  })

  test('a trace goes from Python through our task to a Python task, and its baggage by the list', async () => {
    const { spans, stop } = collect()
    onTestFinished(stop)
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    // As opentelemetry-instrumentation-celery writes them.
    const headers = { traceparent, tracestate: 'vendor=1', baggage: 'tenant=acme,session=secret' }
    const { result } = await python.run('ts.traced', [], { headers })
    await until(() => spans.length >= 3)
    const [publish, run, process] = ['publish python', 'run ts.traced', 'process typescript'].map((name) =>
      spans.find((span) => span.name === name),
    )
    expect(process).toMatchObject({ trace: traceparent.slice(3, 35), parent: '00f067aa0ba902b7' })
    expect([run?.parent, publish?.parent]).toEqual([process?.id, run?.id])
    expect((result as { trace: unknown }).trace).toEqual({
      traceparent: `00-${publish?.trace}-${publish?.id}-01`,
      tracestate: 'vendor=1',
      baggage: 'tenant=acme',
    })
  })
}
