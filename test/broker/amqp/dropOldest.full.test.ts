import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { chord } from '../../../src/calls/workflow.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { onStores } from '../../app/lab.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { eventually, within } from '../../wait.ts'
import { AmqpScene } from './scene.ts'

const wait = { timeout: '60s' } as const

onStores(
  ['rabbitmq'],
  (lab) => {
    const edges = ['classic', 'quorum'].flatMap((type) => ['taken', 'recorded'].map((edge) => [type, edge] as const))
    test.for(edges)('%s: the process that drops a job is killed: %s', async ([type, edge], { expect: own }) => {
      const app = lab().app({ queues: { celery: { type: type as 'classic' | 'quorum' } } })
      const ran: number[] = []
      const work = app.task('work', (n: number) => {
        ran.push(n)
        return n
      })
      const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0))
      const joined = await chord([work.s(1).set({ taskId: 'first' }), work.s(2)], sum.s()).delay()
      const args = [lab().url, lab().backend as string, type, edge]
      const child = fork(join(import.meta.dirname, 'children', 'drop.ts'), args, {
        execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=source'],
      })
      lab().after(() => child.kill('SIGKILL'))
      const [, signal] = await within(() => 'the end of the process', once(child, 'exit'), 60_000)
      own(signal).toBe('SIGKILL')
      const isDropped = edge === 'recorded'
      own(await app.states(['first'])).toEqual([isDropped ? 'REVOKED' : 'PENDING'])
      // Its message is there again.
      await eventually(
        () => app.queueSize(),
        (size) => size === 2,
      )
      await lab().work(app)
      const end = joined.get(wait)
      if (isDropped) await own(end).rejects.toThrow(/dropped: its queue was full/)
      else own(await end).toBe(3)
      await eventually(
        async () => ran.length,
        (length) => length === (isDropped ? 1 : 2),
      )
      await eventually(
        () => app.queueSize(),
        (size) => size === 0,
      )
      own(ran.toSorted()).toEqual(isDropped ? [2] : [1, 2])
      own(await app.states(['first'])).toEqual([isDropped ? 'REVOKED' : 'SUCCESS'])
    })
  },
  { memory: false },
)

describe('on a server of its own', () => {
  const scene = new AmqpScene(() => RabbitServer.start())

  test('the connection is lost while the oldest is held: it is delivered again, and nothing else changes', async () => {
    const { proxy, url } = await scene.proxy()
    const broker = scene.open({}, url)
    for (const id of ['1', '2', '3']) await broker.publish(envelopeOf(id), toQueue('cut'))
    const [first] = await broker.takeOldest('cut', 1)
    proxy.reset()
    expect(await first?.ack()).toBe(false)
    const other = scene.open()
    await until('it is there again', async () => (await other.size('cut')) === 3)
    const again = await broker.takeOldest('cut', 2)
    expect(idsOf(again)).toEqual(['1', '2'])
    expect(await Promise.all(again.map((one) => one.ack()))).toEqual([true, true])
    expect(await other.size('cut')).toBe(1)
  })

  test('a user who may not read gets an error that says so, and nothing is lost', async () => {
    const { server } = scene
    await server.ctl('add_user', 'writer', 'secret')
    await server.ctl('set_permissions', '-p', '/', 'writer', '.*', '.*', '^$')
    const broker = server.url().replace('guest:guest', 'writer:secret')
    const app = new App({ broker, backend: 'memory:', maxQueueLength: 1, onFull: 'drop-oldest' })
    scene.after(() => app.close())
    const owner = scene.open()
    await owner.publish(envelopeOf('1'), toQueue('celery'))
    const error = await app.send('work', [2]).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ConfigError)
    expect(String(error)).toMatch(/a user with permission/)
    expect(await app.queueSize()).toBe(1)
  })
})
