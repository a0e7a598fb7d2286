import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { CompleteChord } from '../../src/backend/chords.ts'
import type { Submission } from '../../src/backend/unitOfWork.ts'
import type { Delivery } from '../../src/broker/broker.ts'
import { PENDING } from '../../src/protocol/states.ts'
import { envelopeOf, metaOf, toQueue } from '../../src/testing/factories.ts'
import { ChordLab, GROUP, member, partOf, RECORD } from './chordLab.ts'

/** Groups that are sent whole, and what is put in order later. */
const lab = new ChordLab()

describe('a group', () => {
  it('is sent whole, or not at all', async () => {
    const stores = await lab.open()
    await lab.redis.set('other', 'not a list')
    const wrong: Submission = {
      message: { envelope: envelopeOf('x'), route: toQueue('other') },
      meta: metaOf('x', PENDING),
    }
    for (const count of [1, 1500]) {
      const members = Array.from({ length: count }, (_, at) => member(at))
      const sending = stores.unitOfWork.submitGroup?.([...members, wrong], [{ group: 'g', size: count + 1 }])
      await expect(sending).rejects.toThrow('WRONGTYPE')
      expect(await lab.redis.keys('*')).toEqual(['other'])
    }
  })

  it('of thousands is staged, and then moved to the queue in order', async () => {
    const stores = await lab.open()
    const members = Array.from({ length: 2345 }, (_, at) => member(at))
    await stores.unitOfWork.submitGroup?.(members, [{ group: 'g', size: 2345 }])
    expect(await lab.redis.get(`${GROUP}.s`)).toBe('2345')
    const texts = (await lab.redis.lrange('q', 0, -1)).reverse()
    expect(texts.map((text) => JSON.parse(text).headers.id)).toEqual(members.map(({ meta }) => meta?.task_id))
    expect(await lab.redis.keys('*staged*')).toEqual([])
    expect((await lab.redis.keys(`${RECORD}*`)).length).toBe(2345)
  })

  it('that was released, and whose sender died, is moved by the next sweep', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.submitGroup?.(
      Array.from({ length: 1600 }, (_, at) => member(at)),
      [{ group: 'g', size: 1600 }],
    )
    // As if only a part had been moved.
    const rest = await lab.redis.lpop('q', 1000)
    for (const text of (rest ?? []).reverse()) await lab.redis.rpush('celeriac.staged-name', sliceOf(text))
    await lab.redis.zadd('celeriac.staged', now + 10_000, 'name')
    await stores.chords.complete(now, 10)
    expect(await lab.redis.llen('q')).toBe(600)
    now += 10_001
    await stores.chords.complete(now, 10)
    expect(await lab.redis.llen('q')).toBe(1600)
    expect(await lab.redis.keys('*staged*')).toEqual([])
  })

  it('stays staged while its queue cannot be written', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await lab.redis.set('q', 'no list')
    await lab.redis.rpush('celeriac.staged-name', sliceOf('one'), sliceOf('two'))
    await lab.redis.zadd('celeriac.staged', now, 'name')
    await stores.chords.complete(now, 10)
    expect(await lab.redis.llen('celeriac.staged-name')).toBe(2)
    await lab.redis.del('q')
    now += 10_001
    await stores.chords.complete(now, 10)
    expect(await lab.redis.lrange('q', 0, -1)).toEqual(['two', 'one'])
    expect(await lab.redis.keys('*staged*')).toEqual([])
  })

  it("of a worker's settlement: released with it, and dropped if the message is not held any more", async () => {
    const stores = await lab.open()
    await stores.unitOfWork.submit(member(0))
    const delivery = (await (await stores.read()).take(1))[0] as Delivery
    const publish = Array.from({ length: 1200 }, (_, at) => ({ ...member(at + 1).message, route: toQueue('r') }))
    const settlement = { delivery, publish, opens: [{ group: 'g', size: 1200 }], end: 'ack' as const }
    expect(await stores.unitOfWork.settle(settlement)).toBe(true)
    expect([await lab.redis.llen('r'), await lab.redis.get(`${GROUP}.s`)]).toEqual([1200, '1200'])
    expect(await stores.unitOfWork.settle(settlement)).toBe(false)
    expect([await lab.redis.llen('r'), await lab.redis.keys('*staged*')]).toEqual([1200, []])
  })
})

/** A message as it is staged: the arguments of the script that submits it. */
function sliceOf(text: string): Buffer {
  const [record, note, metadata] = [
    ['', '', '', '0'],
    ['', '', '0'],
    ['', '', '0', '', ''],
  ]
  const args = ['', '3600', '1', '1', '', '0', ...record, ...note, ...metadata, 'push', 'q', '', text]
  return Buffer.from(pack([...args, 'submit']))
}

describe('the sweep', () => {
  it('finds a chord whose listener died', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 1 }])
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    expect(await stores.chords.complete(now, 10)).toEqual([])
    now += 1
    expect(await stores.chords.complete(now, 10)).toEqual([{ group: 'g', callback: '{"of":0}' }])
  })

  it("completes one whose last part is Celery's, if its worker does not", async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 2 }])
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    expect(await lab.celeryPart(1, 2)).toBe(true)
    const found: (readonly CompleteChord[])[] = []
    for (const step of [59_000, 2_000, 29_000, 2_000]) {
      now += step
      found.push(await stores.chords.complete(now, 10))
    }
    expect(found).toEqual([[], [], [], [{ group: 'g', callback: '{"of":0}' }]])
    expect((await stores.chords.parts('g', 0)).parts).toHaveLength(2)
  })

  it("counts where Celery's tasks have several entries", async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 2 }])
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    await lab.celeryPart(1, 'first')
    await lab.celeryPart(1, 'second')
    now += 61_000
    expect(await stores.chords.complete(now, 10)).toEqual([])
    now += 31_000
    expect(await stores.chords.complete(now, 10)).toHaveLength(1)
    expect((await stores.chords.parts('g', 0)).parts).toHaveLength(2)
  })

  it('counts entries in msgpack with bytes in them, which Redis cannot read', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now, 'msgpack')
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 3 }])
    await stores.unitOfWork.write({ parts: [{ ...partOf(0, 1), result: new Uint8Array([1, 2]) }] })
    const ids = ['short', '5f0c2a5e-7a5c-4c1c-8f3c-2a1b6d1f0c9e']
    for (const [at, id] of [...ids.entries(), ...ids.entries()].slice(0, 3)) {
      const result = new Uint8Array([at, await lab.redis.zcard(`${GROUP}.j`)])
      await lab.redis.zadd(`${GROUP}.j`, at + 1, Buffer.from(pack([1, id, 'SUCCESS', result])))
    }
    now += 61_000
    expect(await stores.chords.complete(now, 10)).toEqual([])
    now += 31_000
    expect(await stores.chords.complete(now, 10)).toHaveLength(1)
    expect((await stores.chords.parts('g', 0)).parts.map(({ taskId }) => taskId).slice(1)).toEqual(ids)
  })

  it('fails a member whose sender died, where Celery has run others that it added', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    const { writes } = stores.chords
    await writes.open([{ group: 'g', size: 2 }])
    const ids = ['run', 'lost', 'again']
    for (const taskId of ids) await writes.adding({ group: 'g', taskId, callback: 'of g' }, now + 300_000)
    expect(await lab.redis.get(`${GROUP}.t`)).toBe('3')
    await writes.end({ parts: [partOf(0, 0)] })
    await lab.celeryPart(1, 1)
    for (const result of ['first', 'second'])
      await lab.redis.zadd(`${GROUP}.j`, '+inf', `[1, "run", "SUCCESS", "${result}"]`)
    const looks: (readonly CompleteChord[])[] = []
    const look = async (ms: number): Promise<void> => {
      now += ms
      looks.push(await stores.chords.complete(now, 10))
    }
    await look(299_000)
    // Its task has run again: it counts as missing, and not as lost.
    await writes.adding({ group: 'g', taskId: 'again', callback: 'of g' }, now + 300_000)
    await look(60_000)
    await look(60_000)
    await writes.end({ parts: [partOf(undefined, 2, { taskId: 'again', callback: 'of g' })] })
    expect(looks).toEqual([[], [], []])
    await look(60_000)
    expect(looks[3]).toEqual([{ group: 'g', callback: 'of g' }])
    const { parts } = await stores.chords.parts('g', 0)
    expect(parts.map(({ taskId, state }) => `${taskId} ${state}`).sort()).toEqual(
      ['again SUCCESS', 'lost FAILURE', 'run SUCCESS', 'task-0 SUCCESS', 'task-1 SUCCESS'].sort(),
    )
    await writes.close('g')
    expect(await lab.keysLeft()).toEqual([])
  })

  it('removes what is ours of a chord that Celery ended', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.submitGroup?.([], [{ group: 'g', size: 2 }])
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    await stores.chords.writes.adding({ group: 'g', taskId: 'more' }, now + 300_000)
    await lab.redis.del(`${GROUP}.j`, `${GROUP}.s`, `${GROUP}.t`)
    now += 61_000
    expect(await stores.chords.complete(now, 10)).toEqual([])
    expect(await lab.keysLeft()).toEqual([])
  })

  it('removes a part of ours that came after the end, and no part of Celery', async () => {
    let now = Date.now()
    const stores = await lab.open(() => now)
    await stores.unitOfWork.write({ parts: [partOf(0, 1)] })
    await stores.unitOfWork.write({ parts: [{ ...partOf(0, 1), group: 'h' }] })
    await lab.redis.zadd('celery-taskset-meta-h.j', 1, '[1, "theirs", "SUCCESS", 1]')
    now += 61_000
    await stores.chords.complete(now, 10)
    expect((await lab.keysLeft()).length).toBe(5)
    now += 3_600_000
    await stores.chords.complete(now, 10)
    expect(await lab.keysLeft()).toEqual(['celery-taskset-meta-h.j'])
  })
})
