import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { App } from '../../../src/celeriac.ts'
import { EventReceiver } from '../../../src/events/receiver.ts'
import { eventually } from '../../wait.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

type Seen = Readonly<Record<string, unknown>> & { readonly type: string; readonly hostname: string }

const ENVELOPE = {
  hostname: 'ts@test',
  pid: expect.any(Number),
  clock: expect.any(Number),
  timestamp: expect.any(Number),
}
const SOFTWARE = { sw_ident: 'celeriac', sw_ver: expect.any(String), sw_sys: expect.any(String) }

/** Events between both kinds of workers and receivers. */
export function events(kind: FleetOptions = {}): void {
  let fleet: Fleet

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
  })
  afterAll(() => fleet.end())

  test("Celery's receiver gets all events of our worker, with Celery's fields", async () => {
    const python = await fleet.pythonClient({ queue: 'typescript' })
    expect(await python.call('capture', {})).toBe(true)
    const worker = await fleet.work(fleet.app(), { taskEvents: true, heartbeatInterval: 500 })
    const seen = async (): Promise<Seen[]> =>
      (await python.call<Seen[]>('captured', {})).filter((event) => event.hostname === 'ts@test')
    const has = (type: string) => eventually(seen, (all) => all.some((one) => one.type === type))
    await has('worker-heartbeat')
    const added = await python.send('ts.add', [2, 40])
    const failed = await python.send('ts.fail', ['boom'])
    const expired = await python.send('ts.add', [1, 1], { expires: '2020-01-01T00:00:00+00:00' })
    for (const type of ['task-succeeded', 'task-failed', 'task-revoked']) await has(type)
    await worker.stop()
    await has('worker-offline')
    const all = await seen()
    const of = (type: string, uuid?: string): Seen | undefined =>
      all.find((one) => one.type === type && one.uuid === uuid)
    const beat = {
      freq: 0.5,
      active: 0,
      processed: expect.any(Number),
      loadavg: [0, 0, 0].map(() => expect.any(Number)),
    }
    for (const type of ['worker-online', 'worker-heartbeat', 'worker-offline'])
      expect(of(type)).toMatchObject({ ...ENVELOPE, ...beat, ...SOFTWARE, type })
    expect(of('task-received', added)).toMatchObject({
      ...ENVELOPE,
      ...{
        name: 'ts.add',
        args: '[2, 40]',
        kwargs: '{}',
        root_id: added,
        parent_id: null,
        retries: 0,
        eta: null,
        expires: null,
      },
    })
    expect(of('task-started', added)).toMatchObject(ENVELOPE)
    expect(of('task-succeeded', added)).toMatchObject({ ...ENVELOPE, result: '42', runtime: expect.any(Number) })
    expect(of('task-failed', failed)).toMatchObject({
      exception: expect.stringContaining('boom'),
      traceback: expect.any(String),
    })
    expect(of('task-revoked', expired)).toMatchObject({ terminated: false, signum: null, expired: true })
    // A receiver that is not in the same time zone must not move the moments (celery-wire §5.1).
    expect(all.filter((event) => 'utcoffset' in event)).toEqual([])
  })

  test('celery events --dump prints the events of our worker', async () => {
    const dump = fleet.pythonProgram('events', '--dump')
    const app = fleet.app()
    const worker = await fleet.work(app, { taskEvents: true, heartbeatInterval: 500 })
    const printed = async (): Promise<string> => dump.printed
    await eventually(printed, (text) => text.includes('heartbeat'))
    const { id } = await app.send('ts.add', [2, 40])
    await eventually(printed, (text) => /task succeeded: ts\.add/.test(text))
    await worker.stop()
    await eventually(printed, (text) => /ts@test.*shutdown/.test(text))
    // Its name of the task comes with task-received.
    for (const what of ['received', 'started', 'succeeded'])
      expect(dump.printed).toMatch(new RegExp(`^ts@test \\[.+\\] task ${what}: ts\\.add\\(${id}\\)`, 'm'))
    expect(dump.printed).not.toContain('Traceback')
    dump.kill()
  })

  test("our receiver gets the events of Celery's worker, and of our callers", async () => {
    const { broker, backend } = fleet
    const app = new App({ broker, backend, taskSentEvents: true, logger: false })
    onTestFinished(() => app.close())
    const receiver = new EventReceiver(app)
    await receiver.start()
    // In its pool of threads, Celery loses an event that one of them adds while another sends the list.
    await fleet.pythonWorker({ events: true, pool: 'solo' })
    const { cluster } = receiver
    const added = await app.send('py.add', [2, 40], { queue: 'python' })
    const failed = await app.send('py.fail', [], { queue: 'python' })
    const states = async () => [added, failed].map(({ id }) => cluster.tasks.get(id)?.state)
    await eventually(states, ([first, second]) => first === 'SUCCESS' && second === 'FAILURE')
    // What the caller says comes by a connection of its own, and may be later than the end.
    const client = async () => cluster.tasks.get(added.id)?.client
    await eventually(client, (name) => name !== undefined)
    expect(cluster.tasks.get(added.id)).toMatchObject({
      ...{ state: 'SUCCESS', name: 'py.add', args: '(2, 40)', kwargs: '{}', result: '42', worker: 'py@test' },
      ...{ rootId: added.id, retries: 0, runtime: expect.any(Number), client: expect.stringMatching(/^gen\d+@/) },
    })
    expect(cluster.tasks.get(failed.id)).toMatchObject({ state: 'FAILURE', exception: expect.any(String) })
    expect(cluster.alive()).toMatchObject([{ hostname: 'py@test', software: 'py-celery', freq: 2, active: 0 }])
    expect([receiver.unreadable, cluster.refused]).toEqual([0, 0])
    await receiver.stop()
  })
}
