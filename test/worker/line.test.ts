import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/std/clock.ts'
import { Stop } from '../../src/std/stopSignal.ts'
import { Line, SPARES } from '../../src/worker/task/line.ts'

/** Timers that end when the test says so. */
function timers(): { readonly clock: Clock; ring(): void } {
  const wakes = new Set<() => void>()
  const clock: Clock = {
    now: () => 0,
    after: (_, wake) => {
      wakes.add(wake)
      return () => wakes.delete(wake)
    },
  }
  return {
    clock,
    ring: () => {
      for (const wake of [...wakes]) {
        wakes.delete(wake)
        wake()
      }
    },
  }
}

/** A line of this size whose slots are all taken, and whose runs take this long, ms. */
function full(size: number, mean: number, clock: Clock = timers().clock): Line {
  const line = new Line(size, clock)
  line.take()
  line.free(mean)
  for (let n = 0; n < size; n++) line.take()
  return line
}

describe('the line of a pool', () => {
  it('has as many slots as its pool, first come first served', async () => {
    const line = new Line(2, timers().clock)
    expect([line.take(), line.take(), line.take()]).toEqual([true, true, false])
    const order: string[] = []
    const stopping = new Stop()
    const one = line.wait(false, stopping).then((end) => order.push(`one ${end}`))
    const two = line.wait(false, stopping).then((end) => order.push(`two ${end}`))
    line.free()
    await one
    line.free()
    await two
    expect(order).toEqual(['one slot', 'two slot'])
    line.free()
    expect([line.take(), line.take()]).toEqual([true, false])
  })

  it('has more slots, which those that wait get first, or fewer, as they become free', async () => {
    const line = full(2, 1)
    const ends: string[] = []
    const wait = (name: string): void => void line.wait(true, new Stop()).then(() => ends.push(name))
    for (const name of ['one', 'two', 'three']) wait(name)
    line.resize(4)
    await Promise.resolve()
    expect([ends, line.waiting, line.take()]).toEqual([['one', 'two'], 1, false])
    line.resize(2)
    for (let n = 0; n < 2; n++) line.free()
    await Promise.resolve()
    expect([ends, line.waiting, line.take()]).toEqual([['one', 'two'], 1, false])
    line.free()
    await Promise.resolve()
    expect([ends, line.waiting]).toEqual([['one', 'two', 'three'], 0])
    for (let n = 0; n < 2; n++) line.free()
    expect([line.take(), line.take(), line.take()]).toEqual([true, true, false])
  })

  it.each([
    [2, 10_000, SPARES],
    [2, 20, 100],
    [100, 5000, 20],
  ])('%i slots, runs of %i ms: room for %i', (size, mean, room) => {
    const line = full(size, mean)
    let waiting = 0
    for (; line.hasRoom; waiting++) void line.wait(true, new Stop())
    expect(waiting).toBe(room)
  })

  it('what waits too long leaves, but for the next ones and the patient; then there is less room', async () => {
    const { clock, ring } = timers()
    const line = full(1, 1, clock)
    const ends: string[] = []
    const wait = (name: string, patient = false): void =>
      void line.wait(patient, new Stop()).then((end) => ends.push(`${name} ${end}`))
    for (const name of ['first', 'second', 'third']) wait(name)
    wait('patient', true)
    wait('fourth')
    expect(line.hasRoom).toBe(true)
    ring()
    await Promise.resolve()
    expect(ends).toEqual(['third late', 'fourth late'])
    expect(line.hasRoom).toBe(false)
    for (let n = 0; n < 3; n++) line.free(1000)
    await Promise.resolve()
    expect(ends.slice(2)).toEqual(['first slot', 'second slot', 'patient slot'])
  })

  it('all leave when the worker stops', async () => {
    const line = full(1, 1)
    const stopping = new Stop()
    const waits = [line.wait(false, stopping), line.wait(true, stopping)]
    stopping.abort('shutdown')
    expect(await Promise.all([...waits, line.wait(true, stopping)])).toEqual(['stopped', 'stopped', 'stopped'])
    line.free()
    expect(line.take()).toBe(true)
  })

  it('it is worth asking again when half of the line is gone, or a slot is free', () => {
    const quick = full(2, 20)
    for (let n = 0; n < 50; n++) void quick.wait(true, new Stop())
    expect(quick.delay).toBe(250)
    expect(full(2, 10_000).delay).toBe(5000)
  })
})
