import { describe, expect, it } from 'vitest'
import type { OpenChord } from '../../src/backend/chords.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { toQueue } from '../../src/testing/factories.ts'
import { ChordLab, type ChordStores, completed, GROUP, member, partOf } from './chordLab.ts'

/** Chords that Celery's workers do not complete, since their bodies get what Celery does not know. */
const lab = new ChordLab()

const members = (count: number) => Array.from({ length: count }, (_, at) => member(at))
const open = (size: number): OpenChord => ({ group: 'g', size, callback: 'the body', held: true })

/** Each way in which chords are opened. */
const ways: Readonly<Record<string, (stores: ChordStores, size: number) => Promise<unknown>>> = {
  'with members that are alike': async ({ unitOfWork }, size) =>
    unitOfWork.submitGroup?.(members(size), [{ group: 'another', size: 1 }, open(size)]),
  'with other members': async ({ unitOfWork }, size) =>
    unitOfWork.submitGroup?.([{ ...member(0), once: true }, ...members(size).slice(1)], [open(size)]),
  'by a settlement': async (stores, size) => {
    const { unitOfWork } = stores
    await unitOfWork.submit(member(100))
    const delivery = (await (await stores.read()).take(1))[0] as Delivery
    const publish = members(size).map(({ message }) => ({ ...message, route: toQueue('r') }))
    await unitOfWork.settle({ delivery, publish, opens: [{ group: 'another', size: 1 }, open(size)], end: 'ack' })
  },
  'with messages in another store': async ({ chords }, size) => {
    await chords.writes.open([open(size)])
    await chords.writes.sending(['g'], Date.now() + 60_000)
    await chords.writes.sending(['g'], undefined)
  },
}

describe.each(Object.entries(ways))('opened %s', (_, way) => {
  it("the last part is Celery's: its worker does not complete it, the sweep does, some seconds later", async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await way(stores, 2)
    const told = completed(stores)
    expect([await lab.celeryPart(0, 1), await lab.celeryPart(1, 2, 'task-1', 'FAILURE')]).toEqual([false, false])
    expect(await stores.chords.progress('g')).toEqual({ done: 2, size: 2 })
    expect(await stores.chords.complete(now, 10)).toEqual([])
    now += 5000
    expect(await stores.chords.complete(now, 10)).toEqual([{ group: 'g', callback: 'the body' }])
    expect((await stores.chords.parts('g', 0)).parts).toMatchObject([{ state: 'SUCCESS' }, { state: 'FAILURE' }])
    expect(told).toEqual([])
    expect(await stores.unitOfWork.write({ closes: 'g' })).toBe(true)
    expect((await lab.redis.keys('*')).filter((key) => /-g($|[.])|chords/.test(key))).toEqual([])
  })

  it('the last part is ours: it completes the chord; a member that is added counts', async () => {
    const stores = await lab.open()
    await way(stores, 2)
    const told = completed(stores)
    expect(await stores.unitOfWork.submitGroup?.([member(2)], [], { group: 'g', taskId: 'task-2' })).toBe('new')
    await lab.celeryPart(0, 1)
    await stores.unitOfWork.write({ parts: [partOf(1, 1)] })
    expect(await stores.chords.progress('g')).toEqual({ done: 2, size: 3 })
    expect(told).toEqual([])
    await stores.unitOfWork.write({ parts: [partOf(2, 1)] })
    await expect.poll(() => told, { timeout: 20_000 }).toEqual([{ group: 'g', callback: '{"of":2}' }])
    expect(await stores.chords.progress('g')).toEqual({ done: 3, size: 3 })
  })
})

it('is looked at again, ever less often, until all parts have come; its keys expire', async () => {
  let now = Date.now()
  const stores = await lab.open(() => now)
  await stores.unitOfWork.submitGroup?.(members(1500), [open(1500)])
  const looks = async (): Promise<number> => Number(await lab.redis.zscore('celeriac.chords-open', 'g')) - now
  expect(await looks()).toBe(5000)
  for (const [wait, next] of [
    [5000, 5000],
    [15_000, 20_000],
    [600_000, 60_000],
  ] as const) {
    now += wait
    expect(await stores.chords.complete(now, 10)).toEqual([])
    expect(await looks()).toBe(next)
  }
  for (const key of [`${GROUP}.s`, 'celeriac.chord-g', 'celeriac.chords-open'])
    expect(await lab.redis.pttl(key)).toBeGreaterThan(0)
})
