import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { HEADER_LIMIT_MS } from '../../../src/backend/unsentHeader.ts'
import { chord, type Signature } from '../../../src/calls/workflow.ts'
import { type Clock, systemClock } from '../../../src/std/clock.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'
import { runs } from '../../tier.ts'
import { eventually } from '../../wait.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet } from '../fleet.ts'
import { kill, seen } from '../killing.ts'

/** Chords with messages in RabbitMQ and results in Redis, whose workers, sender or server die: each of them ends. */
const queue = 'shared'
const MEMBERS = 30
let fleet: Fleet
let app: App
let python: PythonClient

async function start(url: string): Promise<void> {
  fleet = await Fleet.start({ broker: 'rabbitmq', url })
  app = fleet.app({ queue })
  python = await fleet.pythonClient({ queue })
}

/** The body waits in a queue of its own if `bodies` is set. */
function send(seconds = 0, bodies = queue): Promise<string> {
  const chord = Array.from({ length: MEMBERS }, (_, n) => ({ task: 'both.work', args: [n, seconds] }))
  return python.call('run_canvas', { spec: { chord, body: { task: 'ts.body', options: { queue: bodies } } } })
}

/** The same, sent by celeriac: the server has confirmed each member. */
async function sendConfirmed(seconds: number): Promise<string> {
  const header = Array.from({ length: MEMBERS }, (_, n) => app.signature('both.work', [n, seconds]))
  return (await chord(header, app.signature('ts.body') as Signature<number, unknown[]>).delay()).id
}

const fork = (from = queue): Promise<ChildProcess> => fleet.fork({ queue: from, concurrency: 4 })

/** The result of each body is the number of members, and nothing is left of the chords. */
async function ledger(ids: readonly string[]): Promise<void> {
  const results = await Promise.all(ids.map((id) => app.result<number>(id).get({ timeout: '300s' })))
  expect(results).toEqual(ids.map(() => MEMBERS))
  await nothingLeft()
  expect(new Set(await fleet.lines('bodies'))).toEqual(new Set(ids))
}

async function nothingLeft(): Promise<void> {
  const left = async (): Promise<string[]> => [
    ...(await fleet.redis.keys('celery-taskset-meta-*')),
    ...(await fleet.redis.keys('celeriac.[cj]*')),
  ]
  await eventually(left, (keys) => keys.length === 0)
}

describe('a worker', () => {
  beforeEach(async () => start(await emptyRabbit()))
  afterEach(() => fleet.end())

  for (const [name, wanted] of [
    ['before the end of a member is stored', /^rpush effects/i],
    ['when the end of a member is stored', /^hincrby celeriac\.chord-/i],
    ['after the last part', /^rename celery-taskset-meta-/i],
    ['while the parts are read', /^zrange celeriac\.joined-/i],
    ['when the body is claimed', /^set celeriac\.note-chord/i],
    ['when the chord is closed', /^unlink celery-taskset-meta-/i],
    ['before the end of the body', /^rpush bodies/i],
  ] as const)
    test(`the only one is killed ${name}`, async () => {
      const monitor = await fleet.connect().monitor()
      const worker = await fork()
      const reached = seen(monitor, wanted)
      const id = await send()
      await reached
      await kill(worker)
      monitor.disconnect()
      await fork()
      await ledger([id])
      // The body may be sent twice, if its chord is not closed yet, and the first may run again.
      expect((await fleet.lines('bodies')).length).toBeLessThanOrEqual(3)
    })

  test('is killed between the body and the end of the chord: the body is sent again, with the same id', async () => {
    const monitor = await fleet.connect().monitor()
    const worker = await fork()
    const reached = seen(monitor, /^set celeriac\.note-chord/i)
    const id = await send(0, 'bodies')
    await reached
    // Its server answers nothing more that writes: it sends the body, and cannot close the chord.
    await fleet.redis.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    const bodies = (): Promise<number> => app.queueSize('bodies')
    const isSent = await eventually(bodies, (size) => size === 1, 10_000).catch(() => false)
    await kill(worker)
    await fleet.redis.call('CLIENT', 'UNPAUSE')
    monitor.disconnect()
    await fork()
    // At once if the chord was closed before its server paused.
    await nothingLeft()
    expect(await bodies()).toBeGreaterThanOrEqual(isSent ? 1 : 0)
    await fork('bodies')
    await ledger([id])
  })

  test('two are killed in turn, at any moment', { timeout: 600_000 }, async () => {
    const ids: string[] = []
    let workers = await Promise.all([fork(), fork()])
    for (let round = 0; round < runs(9); round++) {
      ids.push(await send(0.01), await send())
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
      const [first, second] = workers as [ChildProcess, ChildProcess]
      await kill(first)
      workers = [second, await fork()]
    }
    await ledger(ids)
  })
})

describe('a sender', () => {
  beforeEach(async () => start(await emptyRabbit()))
  afterEach(() => fleet.end())

  test('is killed at half of 1,000 members: the chord fails, and those that were sent have run', async () => {
    const sender = await fleet.fork({ queue, concurrency: 1 }, 'chordSender.ts')
    if (sender.exitCode === null && sender.signalCode === null) await once(sender, 'exit')
    expect(sender.signalCode).toBe('SIGKILL')
    const worker = await fleet.work(app, { hostname: 'ts@now', concurrency: 20 })
    await eventually(
      async () => (await fleet.lines('effects')).length,
      (count) => count === 500,
    )
    await worker.stop()
    const [group] = await fleet.redis.keys('celery-taskset-meta-*.j')
    expect(await fleet.redis.zcard(group as string)).toBe(500)
    const later: Clock = { ...systemClock, now: () => Date.now() + HEADER_LIMIT_MS + 120_000 }
    await fleet.work(fleet.app({ queue, clock: later }), { hostname: 'ts@later' })
    await expect(app.result('body of the dead').get({ timeout: '60s' })).rejects.toThrow(
      'the sender of the header ended before all members were sent',
    )
    await nothingLeft()
    expect(await fleet.lines('bodies')).toEqual([])
  })
})

describe('the server', () => {
  let server: RabbitServer
  beforeEach(async () => {
    server = await RabbitServer.start()
    await start(await server.empty())
  })
  afterEach(async () => {
    await fleet.end()
    await server.stop()
  })

  // A server that is killed loses messages that it has not confirmed, and Python's client asks for no confirmations.
  for (const [how, sendIt] of [
    ['restarts', () => send(0.1)],
    ['is killed', () => sendConfirmed(0.1)],
  ] as const)
    test(`${how} while members run`, async () => {
      await fork()
      const id = await sendIt()
      await eventually(
        async () => (await fleet.lines('effects')).length,
        (count) => count >= 8,
      )
      await server.restart({ kill: how === 'is killed' })
      // Which part is missing, should the chord not end: a message that the server lost, or the join.
      await eventually(
        async () => new Set(await fleet.lines('effects')).size,
        (ran) => ran === MEMBERS,
        100_000,
      )
      await ledger([id])
    })
})
