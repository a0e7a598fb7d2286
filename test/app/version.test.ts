import { expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { chain } from '../../src/calls/workflow.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onSqliteOrEachStore } from './lab.ts'

const input = z.object({ first: z.string(), last: z.string() })

onSqliteOrEachStore((lab) => {
  it('an older input is upgraded before it is checked; one of today is not', async () => {
    const past = lab().app()
    const today = lab().kind === 'memory' ? past : lab().app()
    const froms: number[] = []
    const greet = today.task({
      name: 'greet',
      input,
      version: 3,
      upgrade: async (old, from) => {
        expectTypeOf(from).toEqualTypeOf<number>()
        froms.push(from)
        expect(currentTask()?.task).toBe('greet')
        const [first = '', last = ''] = (old as { name: string }).name.split(' ')
        return { first, last }
      },
      run: ({ first, last }) => `${last}, ${first}`,
    })
    await lab().work(today)
    const named = { kwargs: { name: 'Ann Lee' } }
    expect(await past.send('greet', [], named).get({ timeout: '20s' })).toBe('Lee, Ann')
    const second = { ...named, headers: { celeriac_version: 2 } }
    expect(await past.send('greet', [], second).get({ timeout: '20s' })).toBe('Lee, Ann')
    expect(await greet.delay({ first: 'Bob', last: 'Ray' }).get({ timeout: '20s' })).toBe('Ray, Bob')
    expect(froms).toEqual([1, 2])
    expect(
      await past
        .send('greet', [], { kwargs: { name: 7 } })
        .get({ timeout: '20s' })
        .catch(String),
    ).toMatch(/split is not a function/)
  })

  it('of positional arguments it gets the list; a signature has the version of the code that made it', async () => {
    const past = lab().app()
    const old = past.task('sum', (x: number, y: number) => x + y)
    const today = lab().app()
    const seen: unknown[] = []
    today.use({
      run: async (run, following) => {
        seen.push([run.args, run.job.args])
        return following(run)
      },
    })
    const sum = today.task('sum', (list: readonly number[], scale: number) => list.reduce((x, y) => x + y) * scale, {
      version: 2,
      upgrade: (args) => [args, 10],
    })
    await lab().work(today)
    expect(await old.delay(1, 2).get({ timeout: '20s' })).toBe(30)
    expect(seen).toEqual([
      [
        [[1, 2], 10],
        [[1, 2], 10],
      ],
    ])
    expect(await sum.delay([1, 2], 1).get({ timeout: '20s' })).toBe(3)
    expect(await chain(old.s(1, 2), old.s(3)).delay().get({ timeout: '20s' })).toBe(330)
    expect(
      await sum
        .s([1, 2], 1)
        .set({ headers: { a: 1 } })
        .delay()
        .get({ timeout: '20s' }),
    ).toBe(3)
  })

  it('without upgrade an older input is taken as it is; a wrong result of upgrade fails the task', async () => {
    const past = lab().app()
    const today = lab().app()
    today.task('plain', (x: number) => x, { version: 5 })
    today.task('list', () => 0, { version: 2, upgrade: () => ({ a: 1 }), retry: 3 })
    today.task({ name: 'object', input, version: 2, upgrade: (() => [1]) as never, run: () => 0 })
    await lab().work(today)
    expect(await past.send('plain', [4]).get({ timeout: '20s' })).toBe(4)
    await expect(past.send('list').get({ timeout: '20s' })).rejects.toMatchObject({
      type: 'CallError',
      message: 'task list: upgrade from version 1: expected a list of arguments, got {"a":1}',
    })
    await expect(past.send('object').get({ timeout: '20s' })).rejects.toMatchObject({
      message: 'task object: upgrade from version 1: expected an input object, got [1]',
    })
  })
})
