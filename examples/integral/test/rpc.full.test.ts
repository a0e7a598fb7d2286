import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { emptyRabbit } from '../../../test/rabbitmq/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { eventually } from '../../../test/wait.ts'
import { Running, resultOf } from './running.ts'

const CIRCLE = { f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1_000_000 }
const LONG = { ...CIRCLE, size: 1e9 }

async function brokerOf(kind: string): Promise<string> {
  if (kind === 'rabbitmq') return emptyRabbit()
  return kind === 'postgres' ? emptyPostgres() : 'sqlite:queue.db'
}

describe.each(['sqlite', 'redis', 'rabbitmq', 'postgres'])('results over rpc:// and a broker of %s', (kind) => {
  let folder = ''
  let redis: RedisServer | undefined
  let broker = ''
  const running: Running[] = []

  async function start(...more: string[]): Promise<Running> {
    const service = await Running.start(folder, ['--broker', broker, '--result-backend', 'rpc://', ...more])
    running.push(service)
    return service
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'integral-rpc-'))
    redis = kind === 'redis' ? await RedisServer.start() : undefined
    broker = redis?.url() ?? (await brokerOf(kind))
  })

  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.end('SIGKILL')))
    await redis?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('numbers, results, progress, and an end on request', async () => {
    const service = await start('--concurrency', '2')
    expect([await service.put(CIRCLE), await service.put({ ...CIRCLE, f: '1/xs - 1/xs' })]).toEqual([0, 1])
    expect(Math.abs((await resultOf(service, 0)) - Math.PI)).toBeLessThan(0.01)
    const result = await resultOf(service, 1)
    expect(await service.get('/1')).toEqual({ task_id: 1, result })
    expect(await service.get('/')).toEqual({ '0': { ready: true }, '1': { ready: true } })
    expect(await service.put(LONG)).toBe(2)
    const link = (await service.request('GET', '/2')).headers.get('link') as string
    const { progress } = await eventually(
      () => service.get(link.slice(1, link.indexOf('>'))),
      (job) => job.progress > 0,
    )
    expect(progress).toBeLessThan(1)
    expect((await service.get('/'))['2']).toEqual({ ready: false })
    expect((await service.request('DELETE', '/2')).status).toBe(202)
    const { error } = await eventually(
      () => service.get('/2'),
      (job) => 'error' in job,
    )
    expect(error.type).toBe('TaskRevokedError')
    expect((await service.request('DELETE', '/2')).status).toBe(409)
    const { code, stderr } = await service.end()
    // A Redis server for a test keeps nothing, of which it warns.
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.includes('neither appendonly nor save'))
    expect({ code, lines }).toEqual({ code: 0, lines: [] })
  })

  it('each of two services answers for its own jobs, whichever computes them', async () => {
    const services = [await start('--concurrency', '1'), await start('--concurrency', '1')]
    const ids = await Promise.all(
      services.flatMap((service) => Array.from({ length: 10 }, () => service.put({ ...CIRCLE, size: 1000 }))),
    )
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at >> 1))
    for (const service of services) {
      for (let id = 0; id < 10; id++) expect(Math.abs((await resultOf(service, id)) - Math.PI)).toBeLessThan(0.5)
    }
  })

  it('end with the process: the next one counts from 0 again', async () => {
    const first = await start()
    expect(await first.put(CIRCLE)).toBe(0)
    await resultOf(first, 0)
    expect(await first.end()).toMatchObject({ code: 0 })
    const second = await start()
    expect((await second.request('GET', '/0')).status).toBe(404)
    expect(await second.get('/')).toEqual({})
    expect(await second.put(CIRCLE)).toBe(0)
    expect(Math.abs((await resultOf(second, 0)) - Math.PI)).toBeLessThan(0.01)
  })
})
