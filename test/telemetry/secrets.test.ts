import { describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import { metrics, tracing } from '../../src/telemetry/opentelemetry.ts'
import { Worker } from '../../src/worker/worker.ts'
import { freePort, RedisServer } from '../redis/server.ts'
import { traces } from '../secrets.ts'
import { startMeters } from './meters.ts'
import { collect } from './spans.ts'

const SECRET = 's3,cret:w(rd)*!'

/** An app that is traced and measured, and all that leaves it. */
function observed(broker: string): { readonly app: App; read(): Promise<string> } {
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(line) })
  const app = new App({ broker, backend: 'memory:', storeTimeout: '200ms', logger })
  const { spans, stop } = collect()
  const meters = startMeters()
  app.use(tracing())
  metrics(app, { meter: meters.provider.getMeter('test') })
  onTestFinished(async () => {
    await app.close()
    stop()
  })
  const read = async (): Promise<string> =>
    [JSON.stringify(spans), await metricsOf(app).text(), JSON.stringify(await meters.read()), ...lines].join('\n')
  return { app, read }
}

function expectNoSecret(text: string): void {
  expect(traces(SECRET).filter((trace) => text.includes(trace))).toEqual([])
}

describe('the password of a broker is in no span, metric or log line', () => {
  it('while it runs, and when the server refuses it', async () => {
    const redis = await RedisServer.start({ requirepass: SECRET })
    onTestFinished(() => redis.stop())
    const { app, read } = observed(redis.url())
    const add = app.task('add', (x: number) => x)
    const worker = new Worker(app)
    await worker.start()
    onTestFinished(() => worker.stop({ grace: 0 }))
    expect(await add.delay(1).get({ timeout: '20s' })).toBe(1)
    const text = await read()
    expect(text).toContain('"server.address":"127.0.0.1"')
    expect(text).toContain('celeriac_store_up 1\n')
    expectNoSecret(text)
    await redis.cli('CONFIG', 'SET', 'requirepass', 'another')
    const other = observed(redis.url())
    await expect(other.app.send('add', [1])).rejects.toThrow('WRONGPASS')
    expectNoSecret(await other.read())
  })

  it.each([
    [
      'RabbitMQ',
      (one: number, two: number) => `amqp://me:${SECRET}@127.0.0.1:${one}//;amqp://me:${SECRET}@127.0.0.1:${two}//`,
    ],
    ['Redis', (one: number) => `redis://127.0.0.1:${one}/0?password=${encodeURIComponent(SECRET)}`],
    [
      'Sentinel',
      (one: number) => `sentinel://127.0.0.1:${one}/0?master_name=m&sentinel_password=${encodeURIComponent(SECRET)}`,
    ],
  ])('while the store is unavailable: %s', async (_, url) => {
    const { app, read } = observed(url(await freePort(), await freePort()))
    app.task('add', (x: number) => x)
    await expect(app.send('add', [1])).rejects.toThrow(/127\.0\.0\.1/)
    const text = await read()
    expect(text).toContain('"error.type":"StoreUnavailableError"')
    expect(text).toContain('celeriac_store_up 0\n')
    expectNoSecret(text)
  })
})
