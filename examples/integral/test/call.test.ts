import { Worker } from 'celeriac/worker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PythonClient } from '../../../test/interop/celery.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { app, integrate } from '../tasks.ts'

/** The call of the document that this example follows: `integrate.delay(f, a, b, c, d, size)`. */
const CALL = ['sqrt(4-xs**2)', 0, 2, 0, 2, 1_000_000] as const
const [f, a, b, c, d, size] = CALL

describe('the call of the document', () => {
  let redis: RedisServer
  let worker: Worker
  let python: PythonClient

  beforeAll(async () => {
    redis = await RedisServer.start()
    app.configure({ broker: redis.url(), backend: redis.url() })
    worker = new Worker(app)
    await worker.start()
    python = await PythonClient.start({ broker: redis.url(), queue: 'celery' })
  })

  afterAll(async () => {
    await python?.stop()
    await worker?.stop({ grace: 0 })
    await app.close()
    await redis?.stop()
  })

  it('from TypeScript', async () => {
    expect(Math.abs((await integrate.delay(f, a, b, c, d, size).get()) - Math.PI)).toBeLessThan(0.01)
    // 100 points unless told: a multiple of 4/100.
    const rough = await integrate.delay(f, a, b, c, d).get()
    expect(rough * 25).toBeCloseTo(Math.round(rough * 25), 9)
    expect(() => integrate.delay(f, 3, b, c, d)).toThrow('expected b to be at least a = 3, got 2')
  })

  it('from Python, by position, by name and mixed', async () => {
    const close = async (args: readonly unknown[], kwargs = {}): Promise<void> => {
      const { status, result } = await python.run('integrate', args, { kwargs })
      expect(status).toBe('SUCCESS')
      expect(Math.abs((result as number) - Math.PI)).toBeLessThan(0.01)
    }
    await close(CALL)
    await close([], { f, a, b, c, d, size })
    await close([f, a, b], { d, c, size })
    const { error } = await python.run('integrate', CALL, { kwargs: { f } })
    expect(error).toMatchObject({ type: 'TypeError', module: 'builtins' })
    expect(error?.text).toBe("task integrate: got multiple values for argument 'f'")
  })
})
