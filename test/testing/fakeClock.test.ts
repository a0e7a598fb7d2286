import { expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/app/fakeClock.ts'

/** All that is due up to this moment, in its order. */
function run(clock: FakeClock, end: number): void {
  while ((clock.next ?? Number.POSITIVE_INFINITY) <= end) clock.step()
  clock.moveTo(end)
}

it('timers end in the order of their moments, those of one moment as they were made, also behind cancelled ones', () => {
  const clock = new FakeClock(0)
  const ended: [number, number][] = []
  const wanted: [number, number][] = []
  // A permutation of the moments, each four times.
  for (let at = 0; at < 4000; at++) {
    const moment = (at * 617) % 1000
    const cancel = clock.after(moment, () => ended.push([clock.now(), at]))
    if (at % 3 === 0) wanted.push([moment, at])
    else cancel()
  }
  run(clock, 1000)
  expect(ended).toEqual(wanted.sort(([a, x], [b, y]) => a - b || x - y))
  expect([clock.now(), clock.next]).toEqual([1000, undefined])
})

it('a timer may be cancelled twice, or after its end, and may begin another of the same moment', () => {
  const clock = new FakeClock(100)
  const ended: string[] = []
  const cancel = clock.after(0.2, () => {
    ended.push(`first at ${clock.now()}`)
    clock.after(0, () => ended.push(`second at ${clock.now()}`))
  })
  run(clock, 100)
  expect(ended).toEqual([])
  run(clock, 101)
  cancel()
  cancel()
  expect(ended).toEqual(['first at 101', 'second at 101'])
  clock.after(-5, () => ended.push('at once'))
  expect(clock.next).toBe(101)
})
