import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import type { SignatureLike } from '../../src/protocol/signature.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onFewStores, useLab } from '../app/lab.ts'

function tasksOf(app: App) {
  const add = app.task('add', (x: number, y: number) => x + y)
  const sum = app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0))
  const workflows: Record<string, () => SignatureLike> = {
    task: () => add.s(1, 2),
    chain: () => chain(add.s(1, 2), add.s(10)),
    group: () => group([add.s(1, 2), add.s(3, 4)]),
    chord: () => chord([add.s(1, 2), add.s(3, 4)], sum.s()),
    twice: () => replaced.s('chain'),
    empty: () => group([]),
    nothing: () => ({ task: 7 }) as never,
    function: () => add.s((() => undefined) as never, 1),
    named: () => add.s(1, 2).set({ taskId: 'mine' }),
  }
  const replaced = app.task(
    'replaced',
    (kind: string): number => currentTask()?.replace(workflows[kind]?.() as SignatureLike) as never,
  )
  const nesting = app.task('nesting', () => currentTask()?.replacedTaskNesting)
  return { add, sum, replaced, nesting, workflows }
}

onFewStores((lab) => {
  it('a workflow takes the place of a task: its id, its callbacks, the rest of its chain', async () => {
    const app = lab().app()
    const { add, replaced } = tasksOf(app)
    await lab().work(app)
    expect(await replaced.delay('task').get({ timeout: '20s' })).toBe(3)
    expect(await replaced.delay('chain').get({ timeout: '20s' })).toBe(13)
    expect(await replaced.delay('twice').get({ timeout: '20s' })).toBe(13)
    const link = add.s(100).set({ taskId: 'linked' })
    const handle = await chain(replaced.s('chain').link(link), add.s(1000)).delay()
    expect(await handle.get({ timeout: '20s' })).toBe(1013)
    await expect.poll(() => app.result('linked').state(), { timeout: 20_000 }).toBe('SUCCESS')
    expect(await app.result('linked').get()).toBe(113)
  })

  it('a group, or a chord, where they can be joined', async () => {
    const app = lab().app()
    const { sum, replaced } = tasksOf(app)
    await lab().work(app)
    expect(await replaced.delay('chord').get({ timeout: '20s' })).toBe(10)
    expect(await replaced.delay('group').get({ timeout: '20s' })).toEqual([3, 7])
    expect(
      await chord([replaced.s('chain'), replaced.s('chord')], sum.s())
        .delay()
        .get({ timeout: '20s' }),
    ).toBe(23)
  })

  it('a member is added to a chord, once, whatever is repeated', async () => {
    const app = lab().app()
    const { add, sum } = tasksOf(app)
    const more = app.task('more', async (n: number) => {
      const context = currentTask()
      const id = await context?.addToChord(chain(add.s(n, n), add.s(1)))
      if (context?.attempt === 1) context.retry({ countdown: 1 })
      return id?.length ?? 0
    })
    await lab().work(app)
    await expect(more.delay(1).get({ timeout: '20s' })).rejects.toThrow('expected a member of the header of a chord')
    const handle = await chord([more.s(100), add.s(1, 2)], sum.s()).delay()
    expect(await handle.get({ timeout: '20s' })).toBe(36 + 3 + 201)
    await expect(
      chord([more.s(100), group([more.s(10)])], sum.s())
        .delay()
        .get({ timeout: '20s' }),
    ).resolves.toBe(36 + 36 + 201 + 21)
  })

  it('a member that is added runs once; none is added when the chord has ended', async () => {
    const app = lab().app()
    const { add, sum } = tasksOf(app)
    const runs: unknown[] = []
    const count = app.task('count', (value: number) => runs.push(value))
    const published: string[] = []
    app.on('task:after-publish', ({ task }) => published.push(task))
    const more = app.task('more', async () => {
      const context = currentTask()
      await context?.addToChord(count.s(1))
      await context?.addToChord(chord([add.s(1, 1), add.s(2, 2)], sum.s()))
      if (context?.attempt === 1) context.retry({ countdown: 1 })
      return 100
    })
    const refused: unknown[] = []
    const late = app.task('late', async () => {
      await expect.poll(() => app.result('failed').state(), { timeout: 60_000 }).toBe('FAILURE')
      await currentTask()
        ?.addToChord(count.s(2))
        .catch((error: unknown) => refused.push(error))
      return 0
    })
    const boom = app.task('boom', (): number => {
      throw new RangeError('no')
    })
    await lab().work(app)
    expect(await chord([more.s()], sum.s()).delay().get({ timeout: '20s' })).toBe(107)
    expect(runs).toEqual([1])
    expect(published.filter((task) => task === 'count')).toHaveLength(1)
    const onError = 'cancel'
    await chord([late.s(), boom.s()], sum.s().set({ taskId: 'failed' }), { onError }).delay()
    await expect.poll(() => refused, { timeout: 60_000 }).toHaveLength(1)
    expect(refused[0]).toMatchObject({ message: expect.stringContaining('addToChord: the chord has ended') })
    expect(runs).toEqual([1])
  })

  it('a failure of the workflow is that of the task', async () => {
    const app = lab().app()
    tasksOf(app)
    const fail = app.task('fail', (): number => {
      throw new RangeError('no such thing')
    })
    const outer = app.task('outer', () => currentTask()?.replace(chain(fail.s(), fail.si())))
    await lab().work(app)
    await expect(outer.delay().get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError' })
  })
})

const lab = useLab('memory')

it('what cannot take its place fails the task', async () => {
  const app = lab().app()
  const { replaced, nesting } = tasksOf(app)
  await lab().work(app)
  await expect(replaced.delay('empty').get()).rejects.toThrow('replace: expected at least one task, got an empty group')
  await expect(replaced.delay('nothing').get()).rejects.toThrow('replace.task: expected a task name, got number')
  await expect(replaced.delay('function').get()).rejects.toThrow('functions cannot be sent')
  await expect(replaced.delay('named').get()).rejects.toThrow('replace: expected no taskId')
  const outer = app.task('outer', () => currentTask()?.replace(nesting.s()))
  expect(await outer.delay().get()).toBe(1)
})

it('the eager mode adds no member to a chord', async () => {
  const app = lab().app({ alwaysEager: true })
  const { add, sum } = tasksOf(app)
  const more = app.task('more', async () => (await currentTask()?.addToChord(add.s(1, 1)))?.length ?? 0)
  await expect(chord([more.s()], sum.s()).delay().get()).rejects.toThrow('alwaysEager runs no member')
})

it('in the eager mode', async () => {
  const app = lab().app({ alwaysEager: true })
  const { replaced } = tasksOf(app)
  expect(await replaced.delay('chain').get()).toBe(13)
  expect(await replaced.delay('group').get()).toEqual([3, 7])
})
