import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { AsyncResult } from '../../src/calls/asyncResult.ts'
import { GroupResult } from '../../src/calls/groupResult.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { tasksOf as tasksOfCanvas } from '../../src/protocol/canvas.ts'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { decodeTask } from '../../src/protocol/message.ts'
import { JSON_ONLY } from '../../src/protocol/serializer.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onAllStores, record, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

function tasksOf(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0)),
    fail: app.task('fail', (): number => {
      throw new RangeError('no such thing')
    }),
    note: app.task('note', (value: unknown, word: string) => `${value} ${word}`),
    family: app.task('family', (_: unknown) => {
      const { parentId, rootId } = currentTask() ?? {}
      return { parentId, rootId }
    }),
    render: app.task({
      name: 'render',
      input: z.object({ page: z.number(), title: z.string() }),
      params: ['page', 'title'],
      run: ({ page, title }) => `${title} ${page}`,
    }),
  }
}

onAllStores((lab, kind) => {
  it('a chain: each step gets the result before it; its handle knows what came before', async () => {
    const app = lab().app()
    const { add, render } = tasksOf(app)
    await lab().work(app)
    const handle = await chain(add.s(1, 2), add.s(10), render.s({ title: 'page' })).delay()
    expect(await handle.get({ timeout: '20s' })).toBe('page 13')
    const before = handle.parent as AsyncResult
    expect(await before.get()).toBe(13)
    expect(await (before.parent as AsyncResult).get()).toBe(3)
    expect((await before.children()).map(({ id }) => id)).toEqual([handle.id])
  })

  it('a group: results in its form, as they come, and counted', async () => {
    const app = lab().app()
    const { add, note } = tasksOf(app)
    await lab().work(app)
    const many = await group(Array.from({ length: 30 }, (_, n) => add.s(n, n))).delay()
    expect(many).toBeInstanceOf(GroupResult)
    expect(await many.join({ timeout: '20s' })).toEqual(Array.from({ length: 30 }, (_, n) => 2 * n))
    expect(await many.completed()).toBe(30)
    expect(await many.state()).toBe('SUCCESS')
    const found: number[] = []
    for await (const { index, result } of many.results()) found[index] = result as number
    expect(found).toEqual(await many.join())
    const named = await group({ a: add.s(1, 2), b: chain(add.s(1, 2), note.s('end')) }).delay()
    expect(await named.join({ timeout: '20s' })).toEqual({ a: 3, b: '3 end' })
    const after = await chain(add.s(1, 2), group([add.s(1), add.s(2)])).delay()
    expect(await after.join({ timeout: '20s' })).toEqual([4, 5])
    expect(after.parent).toBeInstanceOf(AsyncResult)
    expect(await app.queueSize()).toBe(0)
  })

  it('a group is saved, and found by its id', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    await lab().work(app)
    const sent = await group({ a: add.s(1, 2), b: add.s(3, 4) }).delay()
    await sent.save()
    const found = await app.groupResult(sent.id)
    expect(await found?.join({ timeout: '20s' })).toEqual({ a: 3, b: 7 })
    expect(await app.groupResult('another')).toBeUndefined()
  })

  it('a failure: the rest of the chain ends with it, and errbacks run', async () => {
    const app = lab().app()
    const { add, fail, note } = tasksOf(app)
    await lab().work(app)
    const handle = await chain(fail.s(), add.s(1))
      .linkError(note.s('failed').set({ taskId: 'errback' }))
      .delay()
    await expect(handle.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'RangeError' })
    await expect.poll(() => app.result('errback').state(), { timeout: 20_000 }).toBe('SUCCESS')
    const parts = await group([add.s(1, 2), fail.s()]).delay()
    await expect(parts.join({ timeout: '20s' })).rejects.toThrow('no such thing')
    const states: string[] = []
    for await (const { state } of parts.results({ timeout: '20s' })) states.push(state)
    expect(states.sort()).toEqual(['FAILURE', 'SUCCESS'])
    expect(await parts.state()).toBe('FAILURE')
  })

  it('a chord: its body gets the list', async () => {
    const app = lab().app()
    const { add, sum, fail, note } = tasksOf(app)
    await lab().work(app)
    const many = Array.from({ length: 50 }, (_, n) => add.s(n, n))
    const handle = await chord(many, sum.s()).delay()
    expect(await handle.get({ timeout: '20s' })).toBe(2450)
    expect(await (handle.parent as GroupResult).completed()).toBe(50)
    const deep = chain(
      add.s(1, 2),
      group([add.s(1), chain(add.s(2), group([add.s(3), add.s(4)])), chord([add.si(1, 1)], sum.s())]),
      sum.s(),
      group([add.s(100), note.s('end')]),
    )
    expect(await (await deep.delay()).join({ timeout: '20s' })).toEqual([123, '23 end'])
    expect(await chord([], sum.s()).delay().get({ timeout: '20s' })).toBe(0)
    expect(
      await chord([add.s(1, 2)], sum.s())
        .delay()
        .get({ timeout: '20s' }),
    ).toBe(3)
    const broken = await chord([add.s(1, 2), fail.s()], chain(sum.s(), add.s(1))).delay()
    await expect(broken.get({ timeout: '20s' })).rejects.toMatchObject({ type: 'ChordError' })
  })

  it('what runs later is known from the beginning, with its owner and tags', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    const first = add.s(1, 2).set({ taskId: 'first' })
    const second = add.s(1).set({ taskId: 'second' })
    const handle = await chain(first, second).applyAsync([], { owner: 'me', tags: ['nightly'] })
    expect(handle.id).toBe('second')
    expect(await handle.state()).toBe('PENDING')
    if (kind === 'rabbitmq') return
    const { jobs } = await app.jobs({ tag: 'nightly' })
    expect(jobs.map(({ id }) => id).sort()).toEqual(['first', 'second'])
  })
})

it.each([
  ['rpc://', 'amqp://localhost:1'],
  ['memory:', 'amqp://localhost:1'],
  ['memory:', 'redis://localhost:1'],
])('a chord with results in %s and messages in %s is refused at the call', async (backend, broker) => {
  const app = new App({ broker, backend, logger: createLogger('silent') })
  const { add, sum } = tasksOf(app)
  const calls = [chord([add.s(1, 2)], sum.s()), chain(add.s(1, 2), group([add.s(1)]), sum.s())]
  for (const call of calls)
    await expect(call.delay()).rejects.toThrow(
      `a chord needs a result backend that joins its parts: set backend to a sqlite:, postgres: or redis: URL; got ${backend}`,
    )
  await app.close()
})

describe('in memory', () => {
  const lab = useLab('memory')

  it('one request, one root: members have it, and the task around is their parent', async () => {
    const app = lab().app()
    const { family } = tasksOf(app)
    const around = app.task('around', async () => {
      const handle = await group([family.s(1), chain(family.s(2), family.s())]).delay()
      return [handle.id, currentTask()?.children.length]
    })
    await lab().work(app)
    const [one, chained] = await (await group([family.s(1), chain(family.s(2), family.s())]).delay()).join()
    expect(one).not.toHaveProperty('parentId')
    expect(chained?.rootId).toBe(one?.rootId)
    const handle = await around.delay()
    expect(await handle.get()).toMatchObject([expect.any(String), 2])
    const children = await handle.children()
    expect(children).toHaveLength(2)
    expect(await children[0]?.get()).toEqual({ parentId: handle.id, rootId: handle.id })
  })

  it('options of the call: for the first, for the end, for all', async () => {
    const app = lab().app()
    const { add, note } = tasksOf(app)
    const workflow = chain(add.s(1, 2).set({ priority: 1 }), group([add.s(1), add.s(2)]))
    const options = {
      countdown: 1,
      expires: '1h',
      priority: 7,
      headers: { tenant: 'a' },
      linkError: note.s('x'),
    } as const
    await workflow.applyAsync([], options)
    const { broker } = await storesOf(app)
    const consumer = await broker.consume([{ name: 'celery' }], { prefetch: 5, name: 'test' })
    const { value: delivery } = await consumer[Symbol.asyncIterator]().next()
    const { headers, priority, embed, eta, expires } = decodeTask(delivery?.envelope as Envelope, JSON_ONLY)
    expect({ headers, priority, errbacks: embed.errbacks?.length }).toEqual({
      headers: { tenant: 'a' },
      priority: 1,
      errbacks: 1,
    })
    expect([eta, expires]).toEqual([expect.any(String), expect.any(String)])
    const members = tasksOfCanvas(embed.chain?.[0] as SignatureData, 'group')
    expect(members.map((member) => member.options)).toMatchObject(
      [0, 1].map(() => ({ expires, priority: 7, headers: { tenant: 'a' }, link_error: [{ task: 'note' }] })),
    )
    expect(members[0]?.options).not.toHaveProperty('countdown')
    await consumer.release()
    await expect(async () => group([add.s(1, 2)]).applyAsync([], { link: note.s('x') })).rejects.toThrow(
      'a group has no end of its own',
    )
  })

  it('immutable: a copy for each change', () => {
    const { add, note } = tasksOf(lab().app())
    const one = add.s(1, 2)
    const other = one.set({ queue: 'other' }).link(note.s('linked')).linkError(note.s('failed'))
    expect(JSON.parse(JSON.stringify(one))).toEqual({
      task: 'add',
      args: [1, 2],
      kwargs: {},
      options: {},
      subtask_type: null,
      immutable: false,
    })
    expect(other.toJSON().options).toMatchObject({ queue: 'other', link: [{ task: 'note' }], link_error: [{}] })
    const headers = one.set({ headers: { a: 1 } }).set({ headers: { b: 2 } })
    expect(headers.toJSON().options.headers).toEqual({ a: 1, b: 2 })
  })

  it('data becomes a workflow again, and tasks of other programs are called by name', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    await lab().work(app)
    const data = JSON.parse(JSON.stringify(chain(add.s(1, 2), group([add.s(1), add.s(2)]))))
    expect(await ((await app.signature(data).delay()) as unknown as GroupResult).join()).toEqual([4, 5])
    const handle = await chain(app.signature('add', [1, 2]), add.s(1)).delay()
    expect(await handle.get()).toBe(4)
  })

  it('links are options of any call', async () => {
    const app = lab().app()
    const { add, note, fail } = tasksOf(app)
    await lab().work(app)
    const link = [add.s(10).set({ taskId: 'linked' }), note.si('a', 'b').set({ taskId: 'alone' })]
    expect(await add.applyAsync([1, 2], { link }).get()).toBe(3)
    expect(await app.result('linked').get()).toBe(13)
    expect(await app.result('alone').get()).toBe('a b')
    const failed = await fail.applyAsync([], { linkError: note.s('failed').set({ taskId: 'errback' }) })
    await expect(failed.get()).rejects.toThrow('no such thing')
    expect(await app.result('errback').get()).toBe(`${failed.id} failed`)
  })

  it('map, starmap and chunks', async () => {
    const { add, note } = tasksOf(lab().app())
    expect(note.map([1, 2]).toJSON()).toMatchObject({
      task: 'celery.map',
      kwargs: { task: { task: 'note' }, it: [1, 2] },
    })
    expect(add.starmap([[1, 2]]).toJSON()).toMatchObject({ task: 'celery.starmap', kwargs: { it: [[1, 2]] } })
    const items = Array.from({ length: 5 }, (_, n): [number, number] => [n, n])
    expect(add.chunks(items, 2).toJSON().kwargs.tasks).toHaveLength(3)
    expect(() => add.chunks(items, 0)).toThrow('expected a size >= 1, got 0')
  })

  it('map, starmap and chunks run in the worker, and are no tasks of the app', async () => {
    const app = lab().app()
    const { add, note, render, fail } = tasksOf(app)
    await lab().work(app)
    const items = Array.from({ length: 5 }, (_, n): [number, number] => [n, n])
    expect(await add.starmap(items).delay().get()).toEqual([0, 2, 4, 6, 8])
    expect(await (await add.chunks(items, 2).delay()).join()).toEqual([[0, 2], [4, 6], [8]])
    expect(
      await render
        .map([{ page: 1, title: 'a' }])
        .delay()
        .get(),
    ).toEqual(['a 1'])
    expect(
      await chain(add.s(1, 2), note.map([1]), app.signature('celery.accumulate', [], { kwargs: { index: 0 } }))
        .delay()
        .get(),
    ).toEqual(['1 undefined'])
    await expect(
      fail
        .map([1 as never])
        .delay()
        .get(),
    ).rejects.toThrow('no such thing')
    const unknown = app.signature('celery.map', [], { kwargs: { task: { task: 'nowhere' }, it: [1] } })
    await expect(unknown.delay().get()).rejects.toMatchObject({ message: 'nowhere' })
    await expect(app.send('celery.chain').get()).rejects.toThrow('is no task')
    expect(await app.send('celery.backend_cleanup').get()).toBeNull()
    const tasks = [add.s(1, 2).set({ taskId: 'member' }).toJSON()]
    await app.send('celery.group', { tasks, group_id: 'g' }).get()
    expect(await app.result('member').get()).toBe(3)
    expect([...app.tasks.keys()].filter((name) => name.startsWith('celery.'))).toEqual([])
  })

  it('an empty group, also without an app', async () => {
    const handle = () => group([]).delay()
    expect(handle).toThrow('expected at least one task')
    const { sum } = tasksOf(lab().app())
    await lab().work(lab().app())
    expect(group([]).pipe(sum.s()).toJSON().kwargs.tasks).toHaveLength(2)
  })

  it('each member passes the send middleware and the signals', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    const seen: string[] = []
    app.use({
      send: async (call, next) => {
        const handle = await next({
          ...call,
          args: [...call.args.slice(0, 1), 100],
          options: { ...call.options, queue: 'q' },
        })
        seen.push(`${call.task} ${handle.id === call.options.taskId}`)
        return handle
      },
    })
    const told = record(app)
    const handle = await group([add.s(1, 2), add.s(3, 4)]).delay()
    expect(seen).toEqual(['add true', 'add true'])
    expect(told.map(({ name }) => name)).toEqual([
      'task:before-publish',
      'task:before-publish',
      'task:after-publish',
      'task:after-publish',
    ])
    await lab().work(app, { queues: ['q'] })
    expect(await handle.join()).toEqual([101, 103])
    app.use({ send: () => Promise.reject(new Error('not today')) })
    await expect(group([add.s(1, 2)]).delay()).rejects.toThrow('not today')
    expect(await app.queueSize('q')).toBe(0)
  })

  it('the eager mode runs a workflow in order, chords too', async () => {
    const app = lab().app({ alwaysEager: true })
    const { add, sum, fail, note } = tasksOf(app)
    expect(await chain(add.s(1, 2), add.s(10)).delay().get()).toBe(13)
    expect(await (await group([add.s(1, 2), chain(add.s(1, 1), add.s(1))]).delay()).join()).toEqual([3, 3])
    const split = chain(add.s(1, 1), group([add.s(1), add.s(2)]))
    const body = chord([add.s(1, 2), split, chord([add.s(1, 1)], sum.s())], sum.s())
    expect(
      await body
        .link(note.s('linked').set({ taskId: 'linked' }))
        .delay()
        .get(),
    ).toBe(3 + 3 + 4 + 2)
    expect(await app.result('linked').get()).toBe('12 linked')
    const broken = chord(
      [add.s(1, 2), chain(fail.si(), add.s(1))],
      sum.s().linkError(note.s('oh').set({ taskId: 'oh' })),
    )
    const handle = await broken.delay()
    await expect(handle.get()).rejects.toMatchObject({
      type: 'ChordError',
      message: /raised RangeError|raised ValueError/,
    })
    expect(await app.result('oh').get()).toBe(`${handle.id} oh`)
    expect(await add.applyAsync([1, 2], { link: add.s(1).set({ taskId: 'then' }) }).get()).toBe(3)
    expect(await app.result('then').get()).toBe(4)
  })
})
