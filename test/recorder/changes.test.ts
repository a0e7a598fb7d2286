import { describe, expect, it } from 'vitest'
import type { ChangeQuery } from '../../src/recorder/recording.ts'
import { type Scene, START, useScene } from './scene.ts'

const newScene = useScene()

function changes(scene: Scene, query: Partial<ChangeQuery> = {}) {
  const { jobs, ...others } = scene.file.calls.changes({ limit: 200, ...query }, START)
  return { ids: jobs.map(({ id }) => id), ...others }
}

describe('changes', () => {
  it('has each job that has changed after a number once, as it is now, the last changed first', () => {
    const scene = newScene()
    scene.write(scene.job('a'))
    expect(changes(scene)).toEqual({ ids: [], more: 0, last: 3 })
    expect(changes(scene, { after: 3 })).toEqual({ ids: [], more: 0, last: 3 })
    scene.write([...scene.job('b', { at: 100 }), scene.event({ type: 'task-received', uuid: 'c', at: 200 })])
    scene.write([scene.event({ type: 'task-retried', uuid: 'a', at: 300, exception: "E('x')" })])
    expect(changes(scene, { after: 3 })).toEqual({ ids: ['a', 'c', 'b'], more: 0, last: 8 })
    expect(changes(scene, { after: 0 }).ids).toEqual(['a', 'c', 'b'])
    const [b] = scene.file.calls.changes({ after: 3, limit: 9, ids: ['b'] }, START).jobs
    expect(b).toMatchObject({ id: 'b', state: 'SUCCESS', result: '3', tags: [], runtime: 20 })
    expect(b?.traceback).toBeUndefined()
  })

  it('counts those that are over its limit, or its length', () => {
    const scene = newScene()
    for (const id of ['a', 'b', 'c', 'd']) scene.write(scene.job(id))
    expect(changes(scene, { after: 0, limit: 1 })).toEqual({ ids: ['d'], more: 3, last: 12 })
    expect(changes(scene, { after: 0, limit: 1, tasks: ['shop.add'] })).toEqual({ ids: ['d'], more: 3, last: 12 })
    expect(changes(scene, { after: 0, limit: 2, q: 'shop' })).toEqual({ ids: ['d', 'c'], more: 2, last: 12 })
    const [args, kwargs] = ['x'.repeat(2000), 'y'.repeat(2000)]
    scene.write(Array.from({ length: 300 }, (_, at) => scene.job(`long-${at}`, { at, args, kwargs })).flat())
    const { ids, more } = changes(scene, { after: 12, limit: 300 })
    // 4 KB each, a MiB in all.
    expect([ids.length, more]).toEqual([263, 37])
  })

  it('has those that fit a filter alone, whatever their state', () => {
    const scene = newScene()
    scene.write(scene.job('a', { queue: 'slow' }), { a: { owner: 'ann', tags: ['red'] } })
    scene.write(scene.job('child', { root_id: 'a', parent_id: 'a' }))
    scene.write(scene.failure('bad', "ValueError('no row 7')"))
    scene.write([scene.event({ type: 'worker-heartbeat', at: 900, hostname: 'w1@test' })])
    const of = (query: Partial<ChangeQuery>) => changes(scene, { after: 0, ...query }).ids
    expect(of({ tasks: ['shop.bad'] })).toEqual(['bad'])
    expect(of({ queues: ['slow'] })).toEqual(['a'])
    expect(of({ owner: 'ann' })).toEqual(['a'])
    expect(of({ tag: 'red' })).toEqual(['a'])
    expect(of({ rootId: 'a' })).toEqual(['child', 'a'])
    expect(of({ ids: ['child', 'none'] })).toEqual(['child'])
    expect(of({ q: 'no row' })).toEqual(['bad'])
    expect(of({ workers: ['w1@test'] })).toEqual(['bad', 'child', 'a'])
    const { fingerprint } = scene.file.calls.history('bad', START)?.job ?? {}
    expect(of({ fingerprint })).toEqual(['bad'])
    expect(of({ tasks: ['not.known'] })).toEqual([])
    expect(of({ ids: [] })).toEqual([])
  })

  it('says what it cannot tell: too much, what is not kept any more, and the number of another file', () => {
    const scene = newScene({ events: 1000 })
    scene.write(scene.job('a'))
    expect(changes(scene, { after: 99 })).toEqual({ ids: [], more: 0, last: 3, isMissed: true })
    scene.now += 60_000
    while (scene.file.calls.keep(scene.now));
    expect(changes(scene, { after: 3 })).toEqual({ ids: [], more: 0, last: 3 })
    expect(changes(scene, { after: 0 }).ids).toEqual([])
    scene.write(scene.job('b'))
    expect(changes(scene, { after: 0 })).toEqual({ ids: [], more: 0, last: 6, isMissed: true })
    expect(changes(scene, { after: 3 })).toEqual({ ids: ['b'], more: 0, last: 6 })
    const many = Array.from({ length: 20_001 }, (_, at) => scene.event({ type: 'shop-opened', at }))
    scene.write(many)
    expect(changes(scene, { after: 6 })).toMatchObject({ ids: [], isMissed: true, last: 20_007 })
    expect(changes(scene, { after: 7 })).toEqual({ ids: [], more: 0, last: 20_007 })
  })
})
