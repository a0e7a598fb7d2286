import { expect, test } from 'vitest'
import { timeOf, uuid, uuidOf, uuidsOf } from '../../src/std/id.ts'
import { ManualClock } from '../beat/clock.ts'

test('is a UUID of version 7, with the variant of RFC 9562', () => {
  for (let count = 0; count < 1000; count++) {
    expect(uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
})

test('100,000 are all different', () => {
  expect(new Set(Array.from({ length: 100_000 }, () => uuid())).size).toBe(100_000)
})

test('begins with its time, and never goes back, also when the clock does', () => {
  const time = (id: string): number => Number.parseInt(id.replace('-', '').slice(0, 12), 16)
  const future = Date.now() + 3_600_000
  expect(time(uuid(future))).toBe(future)
  expect(time(uuid(future + 5))).toBe(future + 5)
  expect(time(uuid(future - 1_000_000))).toBe(future + 5)
  expect(time(uuid())).toBe(future + 5)
  const later = Array.from({ length: 100 }, (_, at) => uuid(future + 10 + at))
  expect(later).toEqual([...later].sort())
})

test('those of one ms sort in the order in which they were made, as far as 12 bits count; all of them differ', () => {
  const clock = new ManualClock(1_000_000)
  const ids = Array.from({ length: 10_000 }, () => uuid(clock.now(), clock))
  const sorted = [...ids].sort()
  expect(ids.slice(0, 4095)).toEqual(sorted.slice(0, 4095))
  expect(new Set(ids.map((id) => id.slice(19))).size).toBe(ids.length)
  expect(ids.every((id) => timeOf(id) === 1_000_000)).toBe(true)
  clock.jump(1)
  expect(uuid(clock.now(), clock) > (sorted.at(-1) as string)).toBe(true)
})

test('of another clock begins with its time, and leaves those of the system alone', () => {
  const clock = new ManualClock(1_000_000)
  const system = timeOf(uuid()) as number
  expect(timeOf(uuid(clock.now(), clock))).toBe(1_000_000)
  const ahead = new ManualClock(system + 86_400_000)
  expect(timeOf(uuid(ahead.now(), ahead))).toBe(system + 86_400_000)
  expect(timeOf(uuid()) as number).toBeLessThan(system + 86_400_000)
  clock.jump(-1000)
  expect(timeOf(uuid(clock.now(), clock))).toBe(1_000_000)
})

test('of texts is the same for the same texts, and of version 8', () => {
  expect(uuidOf('a', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(uuidOf('a', 'b')).toBe(uuidOf('a', 'b'))
  expect(uuidOf('a', 'b')).not.toBe(uuidOf('ab'))
})

test('of texts and places sort by their places, and share no more than their beginning', () => {
  const idOf = uuidsOf('a', 'b')
  const ids = Array.from({ length: 5000 }, (_, place) => idOf(place))
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids).toEqual([...ids].sort())
  expect(new Set(ids.map((id) => id.slice(0, 14))).size).toBe(1)
  expect(new Set(ids.map((id) => id.slice(24))).size).toBe(ids.length)
  expect([...ids].reverse().map((_, at) => uuidsOf('a', 'b')(at))).toEqual(ids)
  expect(uuidsOf('ab')(0).slice(0, 14)).not.toBe(ids[0]?.slice(0, 14))
  expect(idOf(0xff_ffff)).toMatch(/-8fff-afff-/)
  expect(() => idOf(0x100_0000)).toThrow(RangeError)
})
