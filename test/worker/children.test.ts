import { expect, it } from 'vitest'
import { childIds, childTuples } from '../../src/protocol/result.ts'
import { next, onFewStores, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

onFewStores((lab) => {
  it('what a task sends while it runs is kept with its end', async () => {
    const app = lab().app()
    const leaf = app.task('leaf', (value: number) => value)
    const middle = app.task('middle', async (value: number) => (await leaf.delay(value)).id)
    const parent = app.task('parent', async () => {
      const [one, two] = await leaf.delayMany([[1], [2]])
      // A direct call is a part of its caller.
      const called = await middle(3)
      // Nobody waits until it is sent.
      void leaf.applyAsync([4], { taskId: 'unawaited' })
      return [one?.id, two?.id, called, 'unawaited']
    })
    await lab().work(app)
    const handle = await parent.delay()
    const sent = await handle.get()
    expect((await handle.info())?.children).toEqual(sent)
    const { backend } = await storesOf(app)
    expect((await backend.load([handle.id]))[0]?.children).toEqual(sent.map((id) => [[id, null], null]))
    expect((await app.result('unawaited').info())?.children).toEqual([])
  })

  it('also where it fails, or is to run again', async () => {
    const app = lab().app()
    const leaf = app.task('leaf', () => 1)
    const task = app.task(
      'task',
      async () => {
        await leaf.applyAsync([], { taskId: `child` })
        throw new Error('no')
      },
      { retry: { max: 1, delay: 60_000, jitter: 'none' } },
    )
    await lab().work(app)
    const told = next(app, 'task:retry')
    const handle = await task.delay()
    await told
    expect(await handle.info()).toMatchObject({ state: 'RETRY', children: ['child'] })
    const once = await task.applyAsync([], { retry: 0 })
    await expect(once.get()).rejects.toThrow('no')
    expect(await once.info()).toMatchObject({ state: 'FAILURE', children: ['child'] })
  })

  it('what is sent outside of a task has no parent', async () => {
    const app = lab().app()
    const leaf = app.task('leaf', () => 1)
    await lab().work(app)
    const handle = await leaf.delay()
    await handle.get()
    expect(await handle.info()).toMatchObject({ children: [] })
  })

  it('each task has its own, however many run at once', async () => {
    const app = lab().app()
    const leaf = app.task('leaf', (value: number) => value)
    const parent = app.task('parent', async (value: number) => {
      const ids: string[] = []
      for (let index = 0; index < 3; index++) ids.push((await leaf.delay(value)).id)
      return ids
    })
    await lab().work(app)
    const handles = await parent.delayMany(Array.from({ length: 20 }, (_, index) => [index] as [number]))
    const sent = await Promise.all(handles.map((handle) => handle.get()))
    const infos = await Promise.all(handles.map((handle) => handle.info()))
    expect(infos.map((info) => info?.children)).toEqual(sent)
  })
})

const lab = useLab('sqlite')

it('threads send the list back with the outcome', async () => {
  const app = lab().app()
  const module = new URL('./modules/tasks.ts', import.meta.url).href
  app.task('send', () => 'here')
  await lab().work(app, { pool: 'threads', module, concurrency: 1 })
  const handle = await app.send('send', [])
  const id = await handle.get()
  expect(await handle.info()).toMatchObject({ children: [id] })
})

it('the eager mode keeps it, too', async () => {
  const app = lab().app({ alwaysEager: true })
  const leaf = app.task('leaf', () => 1)
  const parent = app.task('parent', async () => (await leaf.delay()).id)
  const handle = await parent.delay()
  expect(await handle.info()).toMatchObject({ children: [await handle.get()] })
})

it('lists of children are read whoever wrote them', () => {
  expect(childTuples(['a', 'b'])).toEqual([
    [['a', null], null],
    [['b', null], null],
  ])
  const group = [['group', null], [[['c', null], null]]]
  expect(childIds([[['a', ['parent', null]], null], group, ['old', null], null, 5, [[7]]])).toEqual([
    'a',
    'group',
    'old',
  ])
})
