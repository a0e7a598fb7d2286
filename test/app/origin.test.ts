import { describe, expect, test } from 'vitest'
import { ArgumentError, Celeriac } from '../../src/index.ts'
import { storesOf } from './stores.ts'

const make = () => {
  const app = new Celeriac({ broker: 'memory:' })
  return { app, add: app.task('tasks.add', (x: number, y: number) => x + y) }
}

describe('what is said of a call', () => {
  test('is kept and found', async () => {
    const { app, add } = make()
    const job = await add.applyAsync([1, 2], { owner: 'ann', tags: ['a', 'b'], keepInput: true })
    await add.delay(3, 4)
    const { backend } = await storesOf(app)
    expect(await backend.jobs?.metadata([job.id])).toEqual([
      { owner: 'ann', tags: ['a', 'b'], input: expect.stringMatching(/^\[\[1,2\],/) },
    ])
    expect((await app.jobs({ tag: 'b' })).jobs.map(({ id }) => id)).toEqual([job.id])
    expect((await app.jobs({ owner: 'ann' })).jobs.map(({ id }) => id)).toEqual([job.id])
    await app.close()
  })

  test('a note or an idempotency key that is there: not sent', async () => {
    const { app, add } = make()
    const note = { key: 'k', value: 'v', expires: Date.now() + 60_000 }
    const sent = [
      await add.applyAsync([1, 2], { note }),
      await add.applyAsync([1, 2], { note }),
      await add.applyAsync([1, 2], { idempotencyKey: 'k' }),
      await add.applyAsync([1, 2], { idempotencyKey: 'k' }),
    ].map((job) => job.sent)
    expect(sent).toEqual([true, false, true, false])
    expect(await app.queueSize()).toBe(2)
    await app.close()
  })

  test('also where tasks run at once', async () => {
    const app = new Celeriac({ alwaysEager: true })
    let runs = 0
    const count = app.task('count', () => {
      runs++
    })
    const note = { key: 'k', value: 'v', expires: Date.now() + 60_000 }
    await count.applyAsync([], { note, owner: 'ann' })
    const again = await count.applyAsync([], { note })
    expect([runs, again.sent]).toEqual([1, false])
    await app.close()
  })

  test.each([
    [{ tags: 'a' }, 'tags: expected an array'],
    [{ tags: Array(21).fill('a') }, 'at most 20'],
    [{ tags: [''] }, 'printable'],
    [{ tags: ['a\n'] }, 'printable'],
    [{ tags: ['x'.repeat(101)] }, 'at most 100'],
    [{ owner: '' }, 'owner'],
    [{ note: 'k' }, 'note'],
    [{ note: { key: 'k', value: 1, expires: 1 } }, 'note'],
    [{ note: { key: 'k', value: 'v', expires: '1d' } }, 'note'],
  ])('%j is refused', (options, message) => {
    const { add } = make()
    expect(() => add.applyAsync([1, 2], options as never)).toThrow(ArgumentError)
    expect(() => add.applyAsync([1, 2], options as never)).toThrow(message)
  })
})
