import { expect, test } from 'vitest'
import { chain } from '../../../src/calls/workflow.ts'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import { onStores, until } from '../../app/lab.ts'

onStores(['rabbitmq'], (lab) => {
  test('a queue with a bound of the server: calls are refused, and what a worker sends waits for room', async () => {
    const bound = { arguments: { 'x-max-length': 3, 'x-overflow': 'reject-publish' } }
    const app = lab().app({ queues: { celery: bound } })
    const gate = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    const first = app.task('first', async (n: number) => {
      await gate.promise
      return n
    })
    const block = app.task('block', () => opened.promise)
    const add = app.task('add', (n: number, m: number) => n + m)
    const worker = await lab().work(app, { concurrency: 2, prefetchMultiplier: 1 })
    const joined = await chain(first.s(1), add.s(2)).delay()
    await block.delay()
    await until(() => worker.busy === 2)
    let error: unknown
    let taken = 0
    while (error === undefined && taken < 100)
      await add.delay(0, 0).then(
        () => taken++,
        (reason: unknown) => {
          error = reason
        },
      )
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect((error as Error).message).toMatch(/a queue is full/)
    // Its end sends the next task, for which there is no room while the other slot is blocked.
    gate.resolve()
    expect(await app.result(joined.id).state()).not.toBe('SUCCESS')
    opened.resolve()
    expect(await joined.get({ timeout: '60s' })).toBe(3)
    await until(async () => (await app.queueSize()) === 0)
    expect(await (await add.delay(1, 1)).get({ timeout: '20s' })).toBe(2)
  })
})
