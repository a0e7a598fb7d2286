import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { context, propagation, trace } from '@opentelemetry/api'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { chain, chord } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { tracing } from '../../src/telemetry/opentelemetry.ts'
import type { PoolKind } from '../../src/worker/worker.ts'
import { onEachStore, until, useLab } from '../app/lab.ts'
import { type Ended, spans, writeSpans } from './spans.ts'

const folder = mkdtempSync(join(tmpdir(), 'celeriac-spans-'))
process.env.SPANS = join(folder, 'spans.jsonl')
writeSpans('here')
// After the SDK is there, and without one of its own in this thread.
const { defineTraced } = await import('./modules/traced.ts')
const module = new URL('./modules/traced.ts', import.meta.url).href

afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => writeFileSync(process.env.SPANS as string, ''))

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'
const FROM_OUTSIDE = { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: 'vendor=1' }

/** Each span as `name < name of its parent`, in the order in which they began. */
function shape(all: readonly Ended[]): string[] {
  const names = new Map(all.map(({ id, name }) => [id, name]))
  const sorted = all.toSorted((one, other) => one.start - other.start)
  return sorted.map(({ name, parent = 'nothing' }) => `${name} < ${names.get(parent) ?? parent}`)
}

async function settled(count: number): Promise<Ended[]> {
  await until(() => spans().length >= count)
  return spans()
}

/** A server that notes the headers of its requests. */
function listener(
  lab: () => { after(end: () => unknown): void },
): Promise<{ url: string; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.end()
  })
  lab().after(() => server.close())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen })
    })
  })
}

onEachStore(
  (lab, kind) => {
    it('HTTP in, task, retry, child, HTTP out: one trace', async () => {
      const { url, seen } = await listener(lab)
      const app = defineTraced(
        new Celeriac({ broker: lab().url, backend: lab().backend, logger: createLogger('silent') }),
      )
      lab().after(() => app.close())
      const api = app.http({ expose: [app.tasks.get('outer') as never] })
      await lab().work(app)
      const body = {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...FROM_OUTSIDE },
        body: JSON.stringify([url]),
      }
      expect((await api.request('http://localhost/v1/tasks/outer', body)).status).toBe(202)
      await until(() => seen.length === 1)
      const all = await settled(8)
      expect(new Set(all.map((span) => span.trace))).toEqual(new Set([TRACE]))
      expect(shape(all).toSorted()).toEqual([
        'process celery < publish celery',
        'process celery < publish celery',
        'process celery < publish celery',
        `publish celery < ${CALLER}`,
        'publish celery < run outer',
        'run inner < process celery',
        'run outer < process celery',
        'run outer < process celery',
      ])
      const run = all.find(({ name }) => name === 'run inner')
      expect(seen[0]).toMatchObject({ traceparent: `00-${TRACE}-${run?.id}-01`, tracestate: 'vendor=1' })
      const [failed] = all.filter(({ name }) => name === 'run outer').toSorted((one, other) => one.start - other.start)
      expect(failed?.status).toMatchObject({ code: 2, message: 'not yet' })
      expect(failed?.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'RangeError' } }])
      const process = all.filter(({ name }) => name.startsWith('process')).map(({ attributes }) => attributes)
      expect(process).toContainEqual(
        expect.objectContaining({
          'messaging.system': kind === 'postgres' ? 'postgresql' : kind,
          'messaging.operation.type': 'process',
          'celeriac.task': 'outer',
          'celeriac.outcome': 'retry',
        }),
      )
      expect(JSON.stringify(all)).not.toContain(url)
    })
  },
  { memory: false },
)

describe('on sqlite', () => {
  const lab = useLab('sqlite')

  it.each<PoolKind>(['threads', 'processes'])(
    'runs in %s are in the trace, with the baggage that is allowed',
    async (pool) => {
      const { url, seen } = await listener(lab)
      const app = defineTraced(lab().app())
      process.env.TRACED_PLACE = '1'
      lab().after(() => delete process.env.TRACED_PLACE)
      await lab().work(app, { module, pool, concurrency: 1 })
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' }, session: { value: 'secret' } })
      const tracer = trace.getTracer('test')
      await tracer.startActiveSpan('caller', async (span) => {
        await context.with(propagation.setBaggage(context.active(), baggage), () => app.send('outer', [url]))
        span.end()
      })
      await until(() => seen.length === 1)
      const all = await settled(9)
      expect(new Set(all.map((span) => span.trace)).size).toBe(1)
      expect(seen[0]?.baggage).toBe('tenant=acme')
      const runs = all.filter(({ name }) => name.startsWith('run'))
      expect(runs).toHaveLength(3)
      for (const { place } of runs) expect(place).toMatch(pool === 'threads' ? /^thread$/ : /^process \d+$/)
      expect(runs.some(({ place }) => place === `process ${process.pid}`)).toBe(false)
      expect(all.find(({ name }) => name === 'run inner')?.kind).toBe('INTERNAL')
    },
  )

  it('a child that ends while it runs leaves the end in the span of its message', async () => {
    const app = defineTraced(lab().app())
    process.env.TRACED_PLACE = '1'
    lab().after(() => delete process.env.TRACED_PLACE)
    await lab().work(app, { module, pool: 'processes', concurrency: 1, maxChildLosses: 1 })
    await expect((await app.send('exits')).get({ timeout: '20s' })).rejects.toThrow()
    const all = await settled(2)
    expect(all.find(({ name }) => name.startsWith('process'))).toMatchObject({
      kind: 'CONSUMER',
      status: { code: 2 },
      attributes: { 'error.type': 'WorkerLostError' },
    })
  })

  it('the steps of a chain and the body of a chord follow the messages that they come from', async () => {
    const app = defineTraced(lab().app())
    const add = app.task('add', (x: number, y: number) => x + y)
    const sum = app.task('sum', (numbers: number[]) => numbers.reduce((total, one) => total + one, 0))
    await lab().work(app)
    const result = await chord([add.s(1, 1), chain(add.s(1, 0), add.s(3))], sum.s()).delay()
    expect(await result.get({ timeout: '20s' })).toBe(6)
    const all = await settled(9)
    expect(new Set(all.map((span) => span.trace)).size).toBe(1)
    const body = all.find(({ attributes, name }) => name.startsWith('process') && attributes['celeriac.task'] === 'sum')
    const before = all.find(({ id }) => id === body?.parent)
    expect(before).toMatchObject({ attributes: { 'celeriac.task': 'add' } })
    const publish = all.filter(({ name }) => name.startsWith('publish'))
    expect(publish).toMatchObject([{ kind: 'PRODUCER', attributes: { 'messaging.batch.message_count': 2 } }])
  })

  it('each job of a batch is a trace of its own, linked to the one span of the call', async () => {
    const app = defineTraced(lab().app())
    await lab().work(app)
    const handles = await app.task('add', (x: number) => x).delayMany([[1], [2], [3]])
    await Promise.all(handles.map((handle) => handle.get()))
    const all = await settled(7)
    const [publish] = all.filter(({ name }) => name.startsWith('publish'))
    expect(publish?.attributes).toMatchObject({ 'messaging.batch.message_count': 3, 'celeriac.task': 'add' })
    const processed = all.filter(({ name }) => name.startsWith('process'))
    expect(new Set(processed.map((span) => span.trace)).size).toBe(3)
    for (const { parent, links, id, trace: own } of processed) {
      expect(parent).toBeUndefined()
      expect(links).toEqual([publish?.id])
      expect(all.find((span) => span.parent === id)).toMatchObject({ name: 'run add', trace: own })
    }
  })

  it('errors are in the spans, arguments and results are not; an expected error is none', async () => {
    const app = defineTraced(lab().app())
    await lab().work(app)
    await expect((await app.send('fails', ['hunter2'])).get()).rejects.toThrow('no: 7')
    await expect((await app.send('expected')).get()).rejects.toThrow('known')
    const all = await settled(6)
    const byTask = (task: string) => all.filter(({ attributes }) => attributes['celeriac.task'] === task)
    for (const { name, status, attributes } of byTask('fails')) {
      if (name.startsWith('publish')) continue
      expect(status).toMatchObject({ code: 2, message: 'no: 7' })
      expect(attributes['error.type']).toBe('Fatal')
    }
    for (const { status } of byTask('expected')) expect(status.code).toBe(0)
    expect(byTask('expected').find(({ name }) => name === 'run expected')?.events).toHaveLength(1)
    expect(JSON.stringify(all)).not.toContain('hunter2')
  })

  it('without it no span begins, and a message has no header of a trace', async () => {
    const app = lab().app()
    app.task('plain', () => propagation.getActiveBaggage() ?? 'none')
    await trace.getTracer('test').startActiveSpan('caller', async (span) => {
      await app.send('plain')
      span.end()
    })
    const row = lab().database().prepare('SELECT * FROM celeriac_message').get()
    expect(JSON.stringify(row)).not.toContain('traceparent')
    expect(spans().map(({ name }) => name)).toEqual(['caller'])
  })

  it('wrong options are refused', () => {
    expect(() => tracing({ baggage: 'tenant' as never })).toThrow(
      'tracing: baggage: expected a list of names, got "tenant"',
    )
    expect(() => tracing({ bagage: [] } as never)).toThrow('unknown option bagage')
  })
})
