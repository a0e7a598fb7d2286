import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { Control } from '../../../src/control/control.ts'
import { isRecord } from '../../../src/std/isRecord.ts'
import { until } from '../../app/lab.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

const OURS = 'ts@test'
const THEIRS = 'py@test'
const BOTH = { destination: [OURS, THEIRS], timeout: '5s' } as const

type Arguments = Readonly<Record<string, unknown>>

/** Commands whose answers are the same to the letter. */
const SAME: readonly [method: string, given?: Arguments][] = [
  ['ping'],
  ['scheduled'],
  ['query_task', { ids: ['other'] }],
  ['revoke', { task_id: 'other', terminate: true }],
  ['terminate', { signal: 'TERM', task_id: ['other'] }],
  ['rate_limit', { task_name: 'other', rate_limit: '1/s' }],
  ['rate_limit', { task_name: 'both.work', rate_limit: '1/s' }],
  ['rate_limit', { task_name: 'both.work', rate_limit: 0 }],
  ['time_limit', { task_name: 'other', soft: 1, hard: 2 }],
  ['time_limit', { task_name: 'both.work', soft: 10, hard: 20 }],
  ['enable_events'],
  ['heartbeat'],
  ['pool_grow', { n: 1 }],
  ['pool_shrink', { n: 1 }],
  ['pool_restart'],
  ['autoscale', { max: 3, min: 1 }],
  ['add_consumer', { queue: 'added' }],
  ['cancel_consumer', { queue: 'added' }],
  ['other'],
]

/** Commands whose answers have the same keys, with values of the same types. */
const ALIKE: readonly [method: string, given?: Arguments][] = [
  ['active'],
  ['active', { safe: true }],
  ['reserved'],
  ['revoked'],
  ['registered'],
  ['active_queues'],
  ['stats'],
  ['clock'],
  ['report'],
  ['hello', { from_node: 'third@test' }],
  ['memdump'],
  ['objgraph'],
  ['revoke', { task_id: ['a', 'b'] }],
  ['rate_limit', { task_name: 'both.work', rate_limit: 'x' }],
  ['rate_limit', {}],
  // In words they differ: Celery 5.2.6 takes a dispatcher whose events of tasks are off for one without groups.
  ['disable_events'],
  ['enable_events'],
  ['query_task', {}],
  ['cancel_consumer', {}],
]

/** Where ours differ, as paths, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'active.delivery_info.redelivered': 'kombu does not know it on Redis: null; ours does',
  'reserved.delivery_info.redelivered': 'the same',
  'stats.pool.implementation': 'of Celery 5.3 and later; this one is older',
  'stats.pool.writes': 'of Python prefork pools alone; N/A as of its other pools',
}

/** Values by name that are not the same for any two workers: only their types count. */
const MAPS: ReadonlySet<string> = new Set(['stats.total', 'hello.revoked'])

/** The types of a value, by path; of a list, those of its first item. */
function shapeOf(value: unknown, path: string): Record<string, string> {
  if (Object.hasOwn(DIFFERENT, path)) return {}
  if (Array.isArray(value)) return { [path]: 'list', ...(value.length > 0 && shapeOf(value[0], path)) }
  if (!isRecord(value)) return { [path]: value === null ? 'null' : typeof value }
  if (MAPS.has(path)) return { [path]: [...new Set(Object.values(value).map((one) => typeof one))].join() }
  return Object.assign({}, ...Object.entries(value).map(([name, one]) => shapeOf(one, `${path}.${name}`)))
}

/** Each command of celery-wire §5.3, sent to a worker of Python and one of ours in one run. */
export function inspect(kind: FleetOptions): void {
  let fleet: Fleet
  let app: App

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    app = fleet.app()
    await fleet.work(app, { concurrency: 2, taskEvents: true })
    await fleet.pythonWorker({ pool: 'prefork', concurrency: 2, events: true })
    await app.send('ts.gated', ['ours'], { queue: 'typescript' })
    await app.send('py.gated', ['theirs'], { queue: 'python' })
    await until(async () => (await fleet.lines('started')).length === 2)
  })
  afterAll(() => fleet.end())

  async function answers(method: string, given: Arguments = {}): Promise<{ ours: unknown; theirs: unknown }> {
    const replies = await new Control(app).broadcast(method, given, BOTH)
    const all: Record<string, unknown> = Object.assign({}, ...replies)
    expect(Object.keys(all).sort()).toEqual([THEIRS, OURS])
    return { ours: all[OURS], theirs: all[THEIRS] }
  }

  test.each(SAME)('%s %j: the same answer', async (method: string, given?: Arguments) => {
    const { ours, theirs } = await answers(method, given)
    expect(ours).toEqual(theirs)
  })

  test.each(ALIKE)('%s %j: the same keys and types', async (method: string, given?: Arguments) => {
    const { ours, theirs } = await answers(method, given)
    expect(shapeOf(ours, method)).toEqual(shapeOf(theirs, method))
  })

  test('reserved: what is held and has not begun, with the same keys and types', async () => {
    const third = fleet.app({ queues: { news: { broadcast: true } } })
    await fleet.work(third, { hostname: 'third@test', queues: ['others', 'news'], concurrency: 1 })
    await third.send('ts.gated', ['runs'], { queue: 'others' })
    await until(async () => (await fleet.lines('started')).includes('runs'))
    await third.send('ts.gated', ['waits'], { queue: 'news' })
    for (const name of ['runs', 'waits']) await app.send('py.gated', [name], { queue: 'python' })
    const both = new Control(app).inspect({ destination: ['third@test', THEIRS], timeout: '5s' })
    await until(async () => Object.values(await both.reserved()).flat().length === 2)
    const reserved = await both.reserved()
    expect(reserved['third@test']).toMatchObject([{ name: 'ts.gated', args: ['waits'], time_start: null }])
    expect(shapeOf(reserved['third@test'], 'reserved')).toEqual(shapeOf(reserved[THEIRS], 'reserved'))
  })

  test('conf: settings by the same names, no password', async () => {
    const { ours, theirs } = await answers('conf')
    const common = Object.keys(ours as object).filter((name) => name in (theirs as object))
    expect(common).toEqual(expect.arrayContaining(['broker_url', 'result_backend', 'task_default_queue']))
    expect(JSON.stringify(ours)).not.toContain('guest:guest')
  })

  test('what Flower reads without looking whether it is there (celery-wire §5.4)', async () => {
    const { ours } = await answers('stats')
    expect(ours).toMatchObject({ broker: { hostname: '127.0.0.1' }, total: { 'ts.gated': 1 } })
    const queues = (await answers('active_queues')).ours
    expect(queues).toMatchObject([{ name: 'typescript', exchange: { type: 'direct' }, routing_key: 'typescript' }])
    for (const method of ['registered', 'scheduled', 'active', 'reserved', 'revoked'])
      expect((await answers(method)).ours).toBeInstanceOf(Array)
  })

  test('mingle: a worker that starts knows what others know to be revoked', async () => {
    await new Control(app).broadcast('revoke', { task_id: 'theirs alone' }, { ...BOTH, destination: [THEIRS] })
    await fleet.work(fleet.app(), { hostname: 'second@test', queues: ['others'] })
    const second = new Control(app).inspect({ destination: ['second@test'], timeout: '5s' })
    await until(async () => JSON.stringify(await second.revoked()).includes('theirs alone'))
  })

  test("a flag is what Python takes for true: Flower's terminate is 1", async () => {
    const before = (await answers('active')).ours as readonly { id: string }[]
    const id = before[0]?.id
    const { ours } = await answers('revoke', { task_id: id, terminate: 1, signal: 'SIGTERM' })
    expect(ours).toEqual({ ok: `terminate: ${id}` })
  })
}
