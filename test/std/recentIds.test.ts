import { expect, it } from 'vitest'
import { RecentIds } from '../../src/std/recentIds.ts'

it('the newest stay', () => {
  const ids = new RecentIds(3)
  for (const id of ['a', 'b', 'c', 'a', 'd']) ids.add(id)
  expect(ids.all()).toEqual(['c', 'a', 'd'])
  expect(['a', 'b', 'c', 'd', 'e'].filter((id) => ids.has(id))).toEqual(['a', 'c', 'd'])
})

it('each until its time', () => {
  const ids = new RecentIds(3)
  ids.add('a', Date.now() - 1)
  ids.add('b', Date.now() + 60_000)
  ids.add('c')
  ids.add('b', Date.now() - 1)
  expect(ids.all()).toEqual(['c'])
  expect(['a', 'b', 'c'].filter((id) => ids.has(id))).toEqual(['c'])
})

it('takes no more memory than the newest do', () => {
  const ids = new RecentIds(1000)
  for (let n = 0; n < 200_000; n++) ids.add(String(n))
  expect(ids.all()).toEqual(Array.from({ length: 1000 }, (_, n) => String(199_000 + n)))
})
