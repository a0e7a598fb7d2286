import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { App } from '../../src/celeriac.ts'
import { EVENT_EXCHANGE, eventEnvelope, TASK_EVENTS_KEY } from '../../src/protocol/event.ts'
import { storesOf } from '../app/stores.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { guard } from '../redis/guard.ts'
import { RedisServer } from '../redis/server.ts'
import { eventually, within } from '../wait.ts'
import type { Received } from './modules/receiving.ts'

const WORKERS = 100
const TASKS_PER_S = 1700
const SECONDS = 30
/** Tasks of a worker whose events go in one message: a second of them. */
const BATCH = TASKS_PER_S / WORKERS

const server = await RedisServer.start()
afterAll(() => server.stop())

/** 100 workers, each with a heartbeat every 2 s, and 5,100 task events/s of all, in Celery's form. */
async function send(app: App): Promise<number> {
  const { broker } = await storesOf(app)
  let sent = 0
  let clock = 0
  const begun = performance.now()
  for (let turn = 0; turn < SECONDS * WORKERS; turn++) {
    const hostname = `w${turn % WORKERS}@fleet`
    const head = { hostname, pid: 1, timestamp: Date.now() / 1000 }
    const tasks = Array.from({ length: BATCH }, (_, at) => `${turn}-${at}-${'x'.repeat(24)}`)
    const events = tasks.flatMap((uuid) => [
      { ...head, ...{ type: 'task-received', uuid, name: 'mail.send', args: '(1, 2)', kwargs: '{}', retries: 0 } },
      { ...head, type: 'task-started', uuid },
      { ...head, type: 'task-succeeded', uuid, result: "'sent'", runtime: 0.1 },
    ])
    const numbered = events.map((event) => ({ ...event, clock: ++clock }))
    sent += numbered.length
    await broker.publish(eventEnvelope(numbered, hostname), { exchange: EVENT_EXCHANGE, routingKey: TASK_EVENTS_KEY })
    if (Math.floor(turn / WORKERS) % 2 === 0) {
      const beat = { ...head, type: 'worker-heartbeat', clock: ++clock, freq: 2, active: 1, processed: turn }
      await broker.publish(eventEnvelope(beat, hostname), { exchange: EVENT_EXCHANGE, routingKey: 'worker.heartbeat' })
      sent++
    }
    const ahead = begun + (turn * 1000) / WORKERS - performance.now()
    if (ahead > 0) await sleep(ahead)
  }
  return sent
}

async function ask(child: ChildProcess): Promise<Received> {
  const answer = once(child, 'message')
  child.send('how much')
  return (await within(() => 'the answer of the receiver', answer))[0] as Received
}

test.each(['redis', 'rabbitmq'])(
  '100 workers and 5,100 task events/s on %s: a receiver keeps up with less than a core, in bounded memory',
  async (kind) => {
    const broker = kind === 'redis' ? server.url() : await emptyRabbit()
    const app = new App({ broker, logger: false })
    const execArgv = ['--conditions=source', '--disable-warning=ExperimentalWarning']
    const child = fork(new URL('./modules/receiving.ts', import.meta.url), [broker], { execArgv })
    guard(child)
    await within(() => 'the start of the receiver', once(child, 'message'))
    const before = await ask(child)
    const begun = performance.now()
    const sent = await send(app)
    const after = await eventually(
      () => ask(child),
      ({ events }) => events >= sent,
    )
    const cores = (after.cpu - before.cpu) / ((performance.now() - begun) / 1000)
    const mib = (after.rss - before.rss) / 2 ** 20
    console.info(`${kind}: ${cores.toFixed(3)} cores, ${mib.toFixed(0)} MiB more for ${sent} events in ${SECONDS} s`)
    expect(after).toMatchObject({ events: sent, tasks: 5000, alive: WORKERS, refused: 0 })
    expect(cores).toBeLessThan(1)
    expect(mib).toBeLessThan(150)
    child.disconnect()
    await app.close()
  },
)
