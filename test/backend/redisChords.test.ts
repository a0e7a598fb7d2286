import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/broker/broker.ts'
import { PENDING, SUCCESS } from '../../src/protocol/states.ts'
import { metaOf } from '../../src/testing/factories.ts'
import { eventually } from '../wait.ts'
import { ChordLab, completed, GROUP, member, partOf, RECORD } from './chordLab.ts'

/** Chords in Celery's keys, beside the parts that Celery's workers add. */
const lab = new ChordLab()

describe('chords in Redis', () => {
  it("are in Celery's keys: size, and parts by their place", async () => {
    const stores = await lab.open()
    await stores.unitOfWork.submitGroup?.([member(0), member(1), member(2)], [{ group: 'g', size: 3 }])
    expect(await lab.redis.get(`${GROUP}.s`)).toBe('3')
    await stores.unitOfWork.write({ parts: [partOf(1, { a: [1] }), partOf(0, 'zero')] })
    expect(await lab.redis.zrange(`${GROUP}.j`, '0', '-1', 'WITHSCORES')).toEqual([
      '[1,"task-0","SUCCESS","zero"]',
      '0',
      '[1,"task-1","SUCCESS",{"a":[1]}]',
      '1',
    ])
    expect(await stores.chords.progress('g')).toEqual({ done: 2, size: 3 })
    for (const key of await lab.keysLeft())
      expect([key, await lab.redis.pttl(key)]).toEqual([key, expect.toSatisfy((ttl) => ttl > 0)])
  })

  it('members of two chords that end in one turn, in any order, one of them twice, and one by a stale worker', async () => {
    const stores = await lab.open()
    const all = completed(stores)
    const members = Array.from({ length: 60 }, (_, at) => member(at))
    // Runs of members of one chord, of different lengths.
    const groupOf = (at: number): string => (at % 7 < 3 || at >= 50 ? 'g' : 'h')
    const placesOf = (group: string): number[] => [...members.keys()].filter((at) => groupOf(at) === group)
    const opens = ['g', 'h'].map((group) => ({ group, size: placesOf(group).length }))
    await stores.unitOfWork.submitGroup?.(members, opens)
    const reader = await stores.read()
    const ends: { delivery: Delivery; at: number }[] = []
    for (const at of members.keys()) ends.push({ delivery: (await reader.next()) as Delivery, at })
    const end = ({ delivery, at }: { delivery: Delivery; at: number }, result: unknown): Promise<boolean> =>
      stores.unitOfWork.settle({
        delivery,
        meta: metaOf(`task-${at}`, SUCCESS, { result }),
        parts: [partOf(at, result, { group: groupOf(at) })],
        end: 'ack',
      })
    const [first, ...rest] = ends as [(typeof ends)[0], ...typeof ends]
    expect(await end(first, 'early')).toBe(true)
    const settled = await Promise.all([end(first, 'stale'), ...rest.toReversed().map((one) => end(one, one.at))])
    expect(settled).toEqual([false, ...rest.map(() => true)])
    expect(all.map(({ group }) => group).sort()).toEqual(['g', 'h'])
    for (const group of ['g', 'h']) {
      const { parts } = await stores.chords.parts(group, 0)
      expect(parts.map(({ index, result }) => [index, result])).toEqual(
        placesOf(group).map((at) => [at, at === 0 ? 'early' : at]),
      )
    }
    expect(await lab.redis.get(`${RECORD}task-0`)).toContain('"early"')
  })

  it('with msgpack, in msgpack', async () => {
    const stores = await lab.open(Date.now, 'msgpack')
    const all = completed(stores)
    await stores.unitOfWork.submitGroup?.([member(0), member(1)], [{ group: 'g', size: 2 }])
    await stores.unitOfWork.write({ parts: [partOf(0, new Uint8Array([1, 255]))] })
    await stores.unitOfWork.write({ parts: [partOf(0, new Uint8Array([2, 255]))] })
    await stores.unitOfWork.write({ parts: [partOf(1, 12n ** 15n)] })
    expect(all).toHaveLength(1)
    const { parts } = await stores.chords.parts('g', 0)
    expect(parts.map(({ result }) => result)).toEqual([new Uint8Array([2, 255]), 12n ** 15n])
  })

  it('the last part makes them ours: one more of Celery finds no open chord', async () => {
    const stores = await lab.open()
    const all = completed(stores)
    await stores.unitOfWork.submitGroup?.([member(0), member(1)], [{ group: 'g', size: 2 }])
    expect(await lab.celeryPart(0, 1)).toBe(false)
    await stores.unitOfWork.write({ parts: [partOf(1, 2)] })
    await eventually(
      async () => all.length,
      (count) => count === 1,
    )
    expect(all).toEqual([{ group: 'g', callback: '{"of":1}' }])
    expect(await lab.celeryPart(0, 'again')).toBe(false)
    expect(await stores.chords.parts('g', 0)).toEqual({
      parts: [
        { group: 'g', index: 0, taskId: 'task-0', state: 'SUCCESS', result: 1 },
        { group: 'g', index: 1, taskId: 'task-1', state: 'SUCCESS', result: 2 },
      ],
    })
  })

  it("parts may come before Celery's sender has written the size", async () => {
    const stores = await lab.open()
    const all = completed(stores)
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    expect(await stores.chords.progress('g')).toBeUndefined()
    await lab.redis.setex(`${GROUP}.s`, 86_400, '2')
    await stores.unitOfWork.write({ parts: [partOf(1, 2)] })
    expect(all).toHaveLength(1)
  })

  it('a part of ours replaces that of Celery for the same task, and the other way round it counts once', async () => {
    const stores = await lab.open()
    const all = completed(stores)
    await stores.unitOfWork.submitGroup?.([member(0), member(1), member(2)], [{ group: 'g', size: 3 }])
    await lab.celeryPart(0, 'theirs')
    await stores.unitOfWork.write({ parts: [partOf(0, 'ours')] })
    await stores.unitOfWork.write({ parts: [partOf(1, 'first')] })
    await lab.celeryPart(1, 'second')
    expect(await lab.redis.zcard(`${GROUP}.j`)).toBe(3)
    await stores.unitOfWork.write({ parts: [partOf(1, 'third')] })
    await eventually(
      () => lab.redis.zcard(`${GROUP}.j`),
      (count) => count <= 3,
    )
    expect(all).toEqual([])
    await stores.unitOfWork.write({ parts: [partOf(2, 'last')] })
    await eventually(
      async () => all.length,
      (count) => count === 1,
    )
    const { parts } = await stores.chords.parts('g', 0)
    expect(parts.map(({ taskId, result }) => [taskId, result])).toEqual([
      ['task-0', 'ours'],
      ['task-1', expect.stringMatching(/third|second/)],
      ['task-2', 'last'],
    ])
  })

  it("a task of Celery's that ran twice has one part, a success if there is one", async () => {
    const stores = await lab.open()
    const all = completed(stores)
    await stores.unitOfWork.submitGroup?.([member(0), member(1), member(2)], [{ group: 'g', size: 3 }])
    await lab.celeryPart(0, { exc_type: 'E', exc_message: [], exc_module: 'm' }, 'task-0', 'FAILURE')
    await lab.celeryPart(0, 'good')
    await stores.unitOfWork.write({ parts: [partOf(1, 1)] })
    // Full by the count of entries: the tasks are counted, and one is missing.
    await eventually(
      () => lab.redis.zcard(`${GROUP}.j`),
      (count) => count === 2,
    )
    expect(all).toEqual([])
    expect(await stores.chords.progress('g')).toEqual({ done: 2, size: 3 })
    expect(await lab.celeryPart(2, 2)).toBe(true)
  })

  it('members with the same place are different members', async () => {
    const stores = await lab.open()
    const all = completed(stores)
    await stores.unitOfWork.submitGroup?.([member(0)], [{ group: 'g', size: 4 }])
    const parts = ['a', 'b'].flatMap((taskId) => [
      partOf(0, taskId, { taskId }),
      partOf(undefined, taskId, { taskId: `${taskId}${taskId}` }),
    ])
    await stores.unitOfWork.write({ parts })
    expect(all).toHaveLength(1)
    const found = (await stores.chords.parts('g', 0)).parts
    expect(found.map(({ index, result }) => [index, result])).toEqual([
      [0, 'a'],
      [0, 'b'],
      [undefined, 'a'],
      [undefined, 'b'],
    ])
  })

  it('ids with any characters are compared as they are', async () => {
    const stores = await lab.open()
    await stores.unitOfWork.submitGroup?.([member(0)], [{ group: 'g', size: 9 }])
    for (const taskId of ['"', 'ä"\\', 'task', 'task-']) {
      await stores.unitOfWork.write({
        parts: [partOf(0, 1, { taskId }), partOf(undefined, 1, { taskId: `+${taskId}` })],
      })
      await stores.unitOfWork.write({
        parts: [partOf(0, 2, { taskId }), partOf(undefined, 2, { taskId: `+${taskId}` })],
      })
    }
    expect(await lab.redis.zcard(`${GROUP}.j`)).toBe(8)
  })
})
describe('in one script', () => {
  it("a member's result, its acknowledgement and its part: nothing of a message that is not held any more", async () => {
    const stores = await lab.open()
    await stores.unitOfWork.submitGroup?.([member(0), member(1)], [{ group: 'g', size: 2 }])
    const delivery = (await (await stores.read()).take(1))[0] as Delivery
    const settlement = { delivery, meta: metaOf('task-0', SUCCESS), parts: [partOf(0, 1)], end: 'ack' as const }
    expect(await stores.unitOfWork.settle(settlement)).toBe(true)
    expect(await lab.redis.zcard(`${GROUP}.j`)).toBe(1)
    expect(await stores.unitOfWork.settle({ ...settlement, parts: [partOf(0, 'late')] })).toBe(false)
    expect(await lab.redis.zrange(`${GROUP}.j`, '0', '-1')).toEqual(['[1,"task-0","SUCCESS",1]'])
  })

  it('the body, its records, and the end of all keys, once', async () => {
    const stores = await lab.open()
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 1 }])
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    const body = { publish: [member(9).message], also: [metaOf('body', PENDING)], closes: 'g' }
    const outer = { group: 'outer', index: 0, taskId: 'body', state: 'SUCCESS', result: 1, callback: '' } as const
    const answers = await Promise.all([
      stores.unitOfWork.write({ ...body, opens: [{ group: 'next', size: 2 }], parts: [outer] }),
      stores.unitOfWork.write(body),
    ])
    expect(answers).toEqual([true, false])
    expect(await stores.broker.size('q')).toBe(1)
    expect(await lab.redis.get('celery-taskset-meta-next.s')).toBe('2')
    expect((await lab.keysLeft()).filter((key) => /-g\b/.test(key))).toEqual([])
    expect(await lab.redis.zcard('celeriac.chords')).toBe(0)
    expect(await stores.chords.parts('g', 0)).toEqual({ parts: [] })
  })

  it('a key that another program uses fails its own settlement alone', async () => {
    const stores = await lab.open()
    await lab.redis.set(`${GROUP}.j`, 'not a sorted set')
    const other = { ...partOf(0, 1), group: 'h' }
    const answers = await Promise.allSettled([
      stores.unitOfWork.write({ meta: metaOf('one', SUCCESS), parts: [partOf(0, 1)] }),
      stores.unitOfWork.write({ meta: metaOf('two', SUCCESS), parts: [other] }),
      stores.unitOfWork.write({ meta: metaOf('three', SUCCESS), parts: [partOf(undefined, 1)] }),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected'])
    expect(await lab.redis.mget(`${RECORD}one`, `${RECORD}three`)).toEqual([null, null])
  })
})

it('parts are read in slices, in order, the long ones fewer at a time', async () => {
  const stores = await lab.open()
  await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 2503 }])
  const long = 'x'.repeat(900_000)
  const parts = Array.from({ length: 2503 }, (_, at) => partOf(at, at < 3 ? long : at))
  await stores.unitOfWork.write({ parts })
  const sizes: number[] = []
  const found: unknown[] = []
  for (let from: number | undefined = 0; from !== undefined; ) {
    const slice = await stores.chords.parts('g', from)
    sizes.push(slice.parts.length)
    found.push(...slice.parts.map(({ index }) => index))
    from = slice.next
  }
  expect(found).toEqual(Array.from({ length: 2503 }, (_, at) => at))
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1000)
  expect(sizes.length).toBeGreaterThanOrEqual(4)
})

it('of members that are added `.t` counts each once', async () => {
  const stores = await lab.open()
  const add = () => stores.unitOfWork.submitGroup?.([member(9)], [], { group: 'g', taskId: 'more' })
  expect(await add()).toBe('ended')
  await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 1 }])
  expect([await add(), await add()]).toEqual(['new', 'known'])
  expect(await lab.redis.get(`${GROUP}.t`)).toBe('1')
  const all = completed(stores)
  await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
  expect(all).toEqual([])
  await stores.unitOfWork.write({ parts: [partOf(undefined, 2, { taskId: 'more' })] })
  expect(all).toHaveLength(1)
})
