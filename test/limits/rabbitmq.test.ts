import { describe, expect, test } from 'vitest'
import { NotSupportedError, UnknownJobError } from '../../src/std/errors.ts'
import { useLab } from '../app/lab.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { limitedApp } from './fixture.ts'

describe('limits on RabbitMQ', () => {
  const lab = useLab('rabbitmq', emptyRabbit)

  test('without a store for them an app that has some is refused, at its first call and at the start of a worker', async () => {
    const app = lab().app()
    const work = app.task('work', () => 1, { concurrency: 1 })
    const message = "keeps no limits: set the app's option limits to the URL of a store that does"
    await expect(work.delay()).rejects.toThrow(message)
    await expect(lab().work(app)).rejects.toThrow(message)
    await expect(app.limits.pause({ queue: 'celery' })).rejects.toThrow(message)
  })

  test('a store that keeps none is refused, and one where the broker keeps its own', async () => {
    const amqp = lab().app({ limits: 'amqp://127.0.0.1:1' })
    await expect(amqp.queueSize()).rejects.toThrow('limits: expected a URL of sqlite:, redis: or postgres:')
    const both = lab().app({ broker: 'memory:', backend: 'memory:', limits: 'memory:' })
    await expect(both.queueSize()).rejects.toThrow('limits: expected none, as memory: keeps its limits itself')
  })

  test('jobs with limits are found and changed while they wait; others are not, which is said', async () => {
    const app = limitedApp(lab())
    const limited = app.task('limited', (value: string) => value, { concurrency: 1 })
    const free = app.task('free', (value: string) => value)
    const [one, other] = [await limited.delay('a'), await free.delay('a')]
    expect(await app.message(one.id)).toMatchObject({ place: 'waiting' })
    await one.change({ args: ['b'] })
    await expect(app.message(other.id)).rejects.toBeInstanceOf(NotSupportedError)
    await expect(other.change({ args: ['b'] })).rejects.toThrow('cannot change a message that waits without limits')
    await expect(app.result('unknown').change({ args: ['b'] })).rejects.toBeInstanceOf(UnknownJobError)
    await lab().work(app)
    expect(await Promise.all([one.get({ timeout: '30s' }), other.get({ timeout: '30s' })])).toEqual(['b', 'a'])
    await expect(one.change({ args: ['c'] })).rejects.toThrow('SUCCESS')
  })
})
