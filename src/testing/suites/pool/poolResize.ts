import assert from 'node:assert/strict'
import { ArgumentError } from '../../../std/errors.ts'
import { stays, until } from '../../kit.ts'
import type { PoolCase, PoolTraits } from './poolCase.ts'
import { assertStopped, assertWorks, type Started, start } from './poolJob.ts'

/** What every pool must do whose size can be changed, and what the others say. */
export function resizing(one: PoolCase, { isolated, resizes = true }: PoolTraits): void {
  if (!resizes) {
    one('has one size, and refuses another', async (open) => {
      const pool = await open(1)
      assert.throws(() => pool.resize(2), ArgumentError)
      assert.deepEqual([pool.size, pool.target], [1, 1])
    })
    return
  }
  growth(one)
  shrinking(one)
  sizes(one)
  if (isolated) deaths(one)
}

function growth(one: PoolCase): void {
  one('grows: what waits runs as soon as it can, and the size follows', async (open) => {
    const pool = await open(1)
    const sizes: number[] = []
    pool.onSize = () => sizes.push(pool.size)
    const runs = Array.from({ length: 3 }, () => start(pool, 'obedient'))
    await runs[0]?.running
    pool.resize(3)
    assert.equal(pool.target, 3)
    await Promise.all(runs.map((run) => run.running))
    assert.deepEqual([pool.size, pool.busy, sizes.at(-1)], [3, 3, 3])
    const late = start(pool, 'add', [1, 2])
    assert.ok(await stays(late.outcome))
    await end(runs)
    assert.deepEqual(await late.outcome, { kind: 'success', result: 3 })
  })
}

function shrinking(one: PoolCase): void {
  one('shrinks: what runs goes on to its end, then fewer run', async (open) => {
    const pool = await open(3)
    const runs = Array.from({ length: 3 }, () => start(pool, 'obedient'))
    await Promise.all(runs.map((run) => run.running))
    pool.resize(1)
    assert.deepEqual([pool.size, pool.target, pool.busy], [1, 1, 3])
    const late = [start(pool, 'obedient'), start(pool, 'obedient')] as const
    await end(runs.slice(0, 2))
    assert.ok(await stays(late[0].outcome))
    assert.deepEqual([pool.busy, late[0].reports], [1, []])
    await end(runs.slice(2))
    await late[0].running
    assert.ok(await stays(late[1].outcome))
    assert.deepEqual([pool.busy, late[1].reports], [1, []])
    await end([late[0]])
    await late[1].running
    await end([late[1]])
    await assertWorks(pool)
  })

  one('idle slots go first', async (open) => {
    const pool = await open(3)
    const run = start(pool, 'obedient')
    await run.running
    pool.resize(1)
    pool.resize(2)
    const beside = start(pool, 'obedient')
    await beside.running
    assert.deepEqual([pool.size, pool.busy], [2, 2])
    await end([run, beside])
  })
}

function sizes(one: PoolCase): void {
  one('sizes that cannot be are refused, and nothing changes', async (open) => {
    const pool = await open(2)
    for (const size of [0, -1, 1.5, Number.NaN, 1e9, '3' as never, undefined as never])
      assert.throws(() => pool.resize(size), ArgumentError)
    assert.deepEqual([pool.size, pool.target], [2, 2])
  })

  one('of many changes the last holds', async (open) => {
    const pool = await open(1)
    for (const size of [4, 2, 5, 1, 3, 2]) pool.resize(size)
    const runs = Array.from({ length: 3 }, () => start(pool, 'obedient'))
    await until('two run', () => pool.busy === 2 && pool.size === 2)
    assert.ok(await stays(Promise.race(runs.map((run) => run.outcome))))
    assert.deepEqual([pool.size, pool.busy], [2, 2])
    const waiting = runs.filter(({ reports }) => reports.length === 0)
    assert.equal(waiting.length, 1)
    await end(runs.filter((run) => !waiting.includes(run)))
    await Promise.all(waiting.map((run) => run.running))
    await end(waiting)
  })

  one('a change before, during and after a run holds for the next', async (_, make) => {
    const pool = make(1)
    pool.resize(2)
    const starting = pool.start()
    pool.resize(3)
    await starting
    await until('it has grown', () => pool.size === 3)
    const stopping = pool.stop()
    pool.resize(4)
    await stopping
    assert.equal(pool.size, 4)
    pool.resize(2)
    const again = pool.start()
    pool.resize(1)
    await again
    const runs = [start(pool, 'obedient'), start(pool, 'obedient')] as const
    await until('one runs', () => pool.busy === 1)
    assert.ok(await stays(Promise.race(runs.map((run) => run.outcome))))
    assert.deepEqual([pool.size, pool.busy], [1, 1])
    await pool.stop()
    for (const run of runs) assertStopped(await run.outcome, 'shutdown', true)
  })

  one('it is stopped while it grows and shrinks', async (open) => {
    const pool = await open(2)
    const runs = Array.from({ length: 4 }, () => start(pool, 'stubborn', [60_000]))
    pool.resize(4)
    pool.resize(1)
    pool.resize(3)
    await pool.stop()
    for (const run of runs) assertStopped(await run.outcome, 'shutdown', true)
    assert.deepEqual([pool.size, pool.busy], [3, 0])
    await pool.start()
    await assertWorks(pool)
  })
}

function deaths(one: PoolCase): void {
  one('a child that dies while the pool shrinks is not replaced, and the one that stays is', async (open) => {
    const pool = await open(2)
    const runs = [start(pool, 'spin'), start(pool, 'spin')]
    await Promise.all(runs.map((run) => run.running))
    pool.resize(1)
    for (const run of runs) run.kill('time limit')
    for (const run of runs) assertStopped(await run.outcome, 'time limit', true)
    const later = [start(pool, 'obedient'), start(pool, 'obedient')] as const
    await until('one runs', () => pool.busy === 1)
    assert.ok(await stays(Promise.race(later.map((run) => run.outcome)), 500))
    assert.deepEqual([pool.size, pool.busy], [1, 1])
    pool.resize(2)
    await Promise.all(later.map((run) => run.running))
    await end(later)
  })
}

async function end(runs: readonly Started[]): Promise<void> {
  for (const run of runs) run.stop('revoke')
  for (const run of runs) assertStopped(await run.outcome, 'revoke', false)
}
