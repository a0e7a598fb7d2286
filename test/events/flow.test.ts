import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { type Event, EventReceiver, type ReceiverOptions } from '../../src/events/receiver.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, onEachStore, useLab } from '../app/lab.ts'
import { RedisServer } from '../redis/server.ts'
import { runs } from '../tier.ts'
import { eventually } from '../wait.ts'

async function receive(lab: Lab, app: App, options: ReceiverOptions = {}): Promise<EventReceiver> {
  const receiver = new EventReceiver(app, options)
  await receiver.start()
  lab.after(() => receiver.stop())
  return receiver
}

/** How many events of each type came. */
function countTypes(receiver: EventReceiver): Record<string, number> {
  const counts: Record<string, number> = {}
  receiver.onEvent(({ type }) => {
    counts[type] = (counts[type] ?? 0) + 1
  })
  return counts
}

onEachStore(
  (lab) => {
    it('three workers, tasks that are retried at once: each event once, by its own worker, SUCCESS at the end', async () => {
      const count = 100
      const attempt = () => (currentTask()?.attempt === 1 ? currentTask()?.retry({ countdown: 0 }) : 'done')
      const [app, other] = [lab().app(), lab().app()]
      const again = app.task('again', attempt, { retry: { max: 1 } })
      other.task('again', attempt, { retry: { max: 1 } })
      const receiver = await receive(lab(), app)
      const counts = countTypes(receiver)
      const seen = new Map<unknown, Event[]>()
      receiver.onEvent((event) => seen.set(event.uuid, [...(seen.get(event.uuid) ?? []), event]))
      const options = { taskEvents: true, heartbeatInterval: 0, concurrency: 4 }
      await lab().work(app, { ...options, hostname: 'w1@test' })
      await lab().work(app, { ...options, hostname: 'w2@test' })
      // With connections of its own, so that its events and those of the run before race.
      await lab().work(other, { ...options, hostname: 'w3@test' })
      await again.delayMany(Array.from({ length: count }, () => []))
      await eventually(
        async () => counts,
        (all) => all['task-succeeded'] === count,
      )
      expect(counts).toEqual({
        'task-received': 2 * count,
        'task-started': 2 * count,
        'task-retried': count,
        'task-succeeded': count,
      })
      expect(receiver.cluster.counts()).toEqual({ SUCCESS: count })
      const run = ['received', 'started', 'retried', 'received', 'started', 'succeeded'].map((name) => `task-${name}`)
      for (const events of seen.values()) {
        expect(events.map(({ type }) => type)).toEqual(run)
        const hosts = events.map(({ hostname }) => hostname)
        expect(hosts).toEqual([...Array(3).fill(hosts[0]), ...Array(3).fill(hosts[3])])
      }
    })
  },
  { memory: false },
)

describe('at full speed, and without a broker', () => {
  const lab = useLab('sqlite')

  it('a worker that empties a backlog drops no event', async () => {
    const server = await RedisServer.start()
    lab().after(() => server.stop())
    const { logger, lines } = recorded()
    const app = lab().app({ broker: server.url(), backend: undefined, logger })
    const noop = app.task('noop', (number: number) => number)
    const count = runs(20_000)
    await noop.delayMany(Array.from({ length: count }, (_, number): [number] => [number]))
    const receiver = await receive(lab(), app, { maxTasks: 100 })
    const counts = countTypes(receiver)
    await lab().work(app, { taskEvents: true, heartbeatInterval: 0 })
    await eventually(
      async () => counts,
      (all) => all['task-succeeded'] === count,
    )
    expect(counts).toEqual({ 'task-received': count, 'task-started': count, 'task-succeeded': count })
    expect(receiver.cluster.tasks.size).toBe(100)
    expect(lines).toEqual([])
  })

  it('in an outage tasks go on, events are dropped, and one line says so; those that follow come', async () => {
    const server = await RedisServer.start({ appendonly: true })
    lab().after(() => server.stop())
    const { logger, lines } = recorded()
    const app = lab().app({ broker: server.url(), backend: undefined, storeTimeout: 300, logger })
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: dropped, resolve: go } = Promise.withResolvers<void>()
    const long = app.task('long', async () => {
      begin()
      await dropped
      currentTask()?.sendEvent('task-step', { after: true })
      return 'done'
    })
    const speak = app.task('speak', () => currentTask()?.sendEvent('task-word'))
    await lab().work(app, { taskEvents: true, heartbeatInterval: 50 })
    const handle = await long.delay()
    await begun
    await server.kill()
    const about = (words: string) => lines.filter((line) => line.includes(words))
    await eventually(
      async () => about('are dropped until the broker takes them'),
      (found) => found.length > 0,
    )
    go()
    await server.start()
    // A client that waits for longer than 300 ms: connections of the worker's app may be between two attempts.
    const patient = lab().app({ broker: server.url(), backend: undefined })
    expect(await patient.result(handle.id).get({ timeout: '60s' })).toBe('done')
    await eventually(
      async () => about('takes events of'),
      (found) => found.length > 0,
    )
    expect(about('takes events of')[0]).toMatch(/ again; [1-9]\d* were dropped$/)
    expect(about('are dropped until')).toHaveLength(about('takes events of').length)
    const counts = countTypes(await receive(lab(), patient))
    await (await patient.send(speak.name, [])).get({ timeout: '20s' })
    await eventually(
      async () => counts,
      (all) => all['task-word'] === 1 && all['task-succeeded'] !== undefined,
    )
  })
})

/** A logger from `info` on, and what it wrote about events. */
function recorded() {
  const lines: string[] = []
  const write = (chunk: Buffer, _encoding: BufferEncoding, done: () => void): void => {
    const { msg } = JSON.parse(chunk.toString()) as { msg: string }
    if (msg.includes('events')) lines.push(msg)
    done()
  }
  return { logger: createLogger('info', new Writable({ write })), lines }
}
