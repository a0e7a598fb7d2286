import assert from 'node:assert/strict'
import type { LimitStore } from '../../broker/limits.ts'
import { idsOf } from '../factories.ts'
import { until } from '../kit.ts'
import { atOnce, heldOf, type LimitCase, numbered, type Use } from '../limitFixture.ts'

/** Uses that count nothing: of a task that can be paused, and of a rule that others share. */
export function zeroUses(it: LimitCase): void {
  it('a use of 0 counts nothing of a limit with slots and tokens, and waits while it is paused', async (place) => {
    const { limits, limited, read } = place
    await limited('q', ['early'], [['all', '', 0]])
    await limits.define([{ name: 'all', concurrency: 1, rate: { interval: 3_600_000, burst: 1 } }])
    await limited('q', ['1', '2'], [['all', '', 0]])
    await limited('q', ['counted'], ['all'])
    const reader = await read(['q'], 10)
    const taken = await reader.take(4)
    assert.deepEqual(idsOf(taken).sort(), ['1', '2', 'counted', 'early'])
    assert.equal(await heldOf(limits, 'all'), 1)
    for (const one of taken) await one.ack()
    await limits.pause({ rule: 'all', key: '' })
    await limited('q', ['3'], [['all', '', 0]])
    await reader.nothing()
    await limits.resume({ rule: 'all', key: '' })
    assert.deepEqual(idsOf(await reader.take(1)), ['3'])
  })
}

/** The part of `limitsSuite` on what people and tasks stop. */
export function pauses(it: LimitCase): void {
  it('pause: nothing passes that needs it, until it is resumed; all else does', async (place) => {
    const { limits, limited, read, other } = place
    await limits.pause({ rule: 'task', key: '' })
    await limits.pause({ rule: 'tenant', key: 'a' })
    await limited('q', ['1', '2'], ['task'])
    await limited('q', ['a'], [['tenant', 'a']])
    await limited('q', ['b'], [['tenant', 'b']])
    const reader = await read(['q'], 10, await other())
    assert.deepEqual(idsOf([await reader.next()]), ['b'])
    await reader.nothing()
    const names = (await limits.list({ paused: true, limit: 10 })).map(({ rule, key }) => [rule, key])
    assert.deepEqual(names, [
      ['task', ''],
      ['tenant', 'a'],
    ])
    await limits.resume({ rule: 'task', key: '' })
    assert.deepEqual(idsOf(await reader.take(2)), ['1', '2'])
    await reader.nothing()
    await limits.resume({ rule: 'tenant', key: 'a' })
    assert.deepEqual(idsOf([await reader.next()]), ['a'])
  })

  it('pause: what is held goes on', async ({ limits, limited, read }) => {
    await limited('q', ['1', '2'], ['t'])
    await limits.define([atOnce('t', 1)])
    const reader = await read(['q'], 10)
    const first = await reader.next()
    await limits.pause({ rule: 't', key: '' })
    assert.equal(await first.ack(), true)
    await reader.nothing()
    await limits.resume({ rule: 't', key: '' })
    assert.deepEqual(idsOf([await reader.next()]), ['2'])
  })

  it('holdBack: nothing passes before its moment; an earlier one replaces a later one', async (place) => {
    const { limits, limited, read } = place
    const [started, wait] = [Date.now(), 400]
    await limits.holdBack({ rule: 'api', key: '' }, started + 3_600_000)
    await limited('q', ['1'], ['api'])
    const reader = await read(['q'], 10)
    await reader.nothing()
    await limits.holdBack({ rule: 'api', key: '' }, started + wait)
    assert.deepEqual(idsOf([await reader.next()]), ['1'])
    assert.ok(Date.now() - started >= wait - 20, `came after ${Date.now() - started} ms`)
  })
}

/** The part of `limitsSuite` on one limit of many lanes. */
export function manyLanes(it: LimitCase): void {
  it('a limit of which messages take nothing stops them while it is paused, then lets all lanes through', async (place) => {
    const { limits, limited, read } = place
    await limits.pause({ rule: 'task', key: '' })
    const uses = (key: string): readonly Use[] => [
      ['task', '', 0],
      ['fair', key, 0],
    ]
    for (const key of ['a', 'b', 'c', 'd']) await limited('q', [`${key}1`, `${key}2`], uses(key))
    const reader = await read(['q'], 20)
    await reader.nothing()
    await limits.resume({ rule: 'task', key: '' })
    const ids = idsOf(await reader.take(8))
    assert.deepEqual(ids.sort(), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'd1', 'd2'])
    assert.equal(await heldOf(limits, 'task'), 0)
  })

  it('a limit that many lanes share passes on to the next as each one ends, also where it is raised', async (place) => {
    const { limits, limited, read } = place
    await limits.define([atOnce('shared', 1), atOnce('key', 1)])
    const keys = numbered('k', 6)
    for (const key of keys) await limited('q', [key], ['shared', ['key', key]])
    const reader = await read(['q'], 20)
    const first = await reader.next()
    await reader.nothing()
    await first.ack()
    const second = await reader.next()
    await reader.nothing()
    await limits.define([atOnce('shared', 3)])
    const more = await reader.take(2)
    await reader.nothing()
    await limits.define([{ name: 'shared' }])
    const rest = await reader.take(2)
    assert.deepEqual(idsOf([first, second, ...more, ...rest]).sort(), keys)
  })

  it('onPause: after each pause and resume, of every connection, until it is ended', async ({ limits, other }) => {
    let calls = 0
    const stop = limits.onPause(() => calls++)
    const there = (await other()).limits
    // A listener of a store may take a moment to begin.
    await until('it is called', async () => {
      await there?.pause({ rule: 'task', key: '' })
      return calls > 0
    })
    const before = calls
    await until('it is called again', async () => {
      await there?.resume({ rule: 'task', key: '' })
      return calls > before
    })
    stop()
  })
}

/** The part of `limitsSuite` on what failures stop. */
export function breakers(it: LimitCase): void {
  const api = { rule: 'api', key: '' }

  it('breaker: opens after failures, then lets one through at a time, and closes with a success', async (place) => {
    const { limits, limited, read } = place
    await limits.define([{ name: 'api', breaker: { failures: 3, within: 60_000, pause: 300 } }])
    const fail = { ...api, ok: false }
    assert.deepEqual(await limits.report([fail, fail]), [])
    const reader = await read(['q'], 10)
    const started = Date.now()
    const [opened] = await limits.report([fail])
    assert.deepEqual([opened?.rule, opened?.key, opened?.state], ['api', '', 'open'])
    assert.ok((opened?.until ?? 0) >= started + 200)
    await limited('q', numbered('', 4), ['api'])
    const trial = await reader.next()
    assert.ok(Date.now() - started >= 280, `the first came after ${Date.now() - started} ms`)
    assert.equal(await breakerOf(limits), 'half-open')
    await reader.nothing()
    const again = Date.now()
    assert.equal((await limits.report([fail]))[0]?.state, 'open')
    await trial.ack()
    const second = await reader.next()
    assert.ok(Date.now() - again >= 280, `the second came after ${Date.now() - again} ms`)
    assert.equal((await limits.report([{ ...api, ok: true }]))[0]?.state, 'closed')
    await second.ack()
    assert.deepEqual(idsOf(await reader.take(2)), ['3', '4'])
    assert.equal(await breakerOf(limits), 'closed')
  })

  it('breaker: a trial whose end is not reported is followed by another', async ({ limits, limited, read }) => {
    await limits.define([{ name: 'api', breaker: { failures: 1, within: 1000, pause: 50 } }])
    await limits.report([{ ...api, ok: false }])
    await limited('q', ['1', '2'], ['api'])
    const reader = await read(['q'], 10)
    await (await reader.next()).ack()
    assert.deepEqual(idsOf([await reader.next()]), ['2'])
  })

  it('breaker: one that is taken away lets all through after its time', async ({ limits, limited, read }) => {
    await limits.define([{ name: 'api', breaker: { failures: 1, within: 1000, pause: 50 } }])
    await limits.report([{ ...api, ok: false }])
    await limits.define([{ name: 'api' }])
    await limited('q', ['1', '2'], ['api'])
    assert.deepEqual(idsOf(await (await read(['q'], 10)).take(2)), ['1', '2'])
  })

  it('breaker: failures that are older do not count, nor those of what has none', async ({ limits }) => {
    await limits.define([{ name: 'api', breaker: { failures: 2, within: 50, pause: 60_000 } }])
    await limits.report([{ ...api, ok: false }])
    const started = Date.now()
    await until('time has passed', () => Date.now() > started + 80)
    const other = { rule: 'other', key: '', ok: false }
    assert.deepEqual(await limits.report([{ ...api, ok: false }, other, other]), [])
    assert.equal(await breakerOf(limits), 'closed')
  })
}

async function breakerOf(limits: LimitStore): Promise<string | undefined> {
  const [state] = await limits.states([{ rule: 'api', key: '' }])
  return state?.breaker
}

/** The part of `limitsSuite` on what people see. */
export function states(it: LimitCase): void {
  it('states and list: what is held, what waits, what was defined', async ({ limits, limited, read }) => {
    const rate = { interval: 60_000, burst: 5 }
    await limits.define([atOnce('c', 2), { name: 'r', rate }])
    await limited('q', numbered('', 4), ['c', ['r', 'k']])
    const reader = await read(['q'], 10)
    await reader.take(2)
    assert.equal(await heldOf(limits, 'c'), 2)
    const [c, r, none] = await limits.states([
      { rule: 'c', key: '' },
      { rule: 'r', key: 'k' },
      { rule: 'none', key: 'x' },
    ])
    assert.deepEqual(c, { rule: 'c', key: '', limit: { concurrency: 2 }, held: 2, paused: false, waiting: 2 })
    assert.deepEqual(r, { rule: 'r', key: 'k', limit: { rate }, held: 2, paused: false, waiting: 2 })
    assert.deepEqual(none, { rule: 'none', key: 'x', held: 0, paused: false, waiting: 0 })
    const list = await limits.list({ limit: 1 })
    assert.deepEqual(list, [c])
    assert.deepEqual(await limits.list({ limit: 10, after: { rule: 'c', key: '' } }), [r])
    assert.deepEqual(await limits.list({ limit: 10, rule: 'none' }), [])
  })
}
