import { expect, test } from 'vitest'
import { readFrame } from '../../src/dashboard/pages/workers/frame.ts'
import { callTree, hottest, keyOf } from '../../src/dashboard/pages/workers/profile/callTree.ts'
import { boxBeside, flameBoxes } from '../../src/dashboard/pages/workers/profile/flameBoxes.ts'

interface Node {
  readonly id: number
  readonly name: string
  readonly url?: string
  readonly children?: readonly number[]
  readonly hits?: number
}

/** As V8 writes it. */
function nodes(list: readonly Node[]): object[] {
  return list.map(({ id, name, url = '', children = [], hits = 0 }) => ({
    ...{ id, hitCount: hits, children },
    callFrame: { functionName: name, scriptId: '1', url, lineNumber: 6, columnNumber: 2 },
  }))
}

const OWN = 'file:///srv/shop%20one/tasks.ts'
const PACKAGE = 'file:///srv/node_modules/sharp/index.js'

/** `work` calls itself, and `encode` of a package; times in µs. */
const PROFILE = {
  nodes: nodes([
    { id: 1, name: '(root)', children: [2, 3, 4] },
    { id: 2, name: '(idle)' },
    { id: 3, name: 'work', url: OWN, children: [5, 6] },
    { id: 4, name: '(garbage collector)' },
    { id: 5, name: 'work', url: OWN, children: [7] },
    { id: 6, name: 'post', url: 'node:inspector' },
    { id: 7, name: 'encode', url: PACKAGE },
  ]),
  startTime: 0,
  endTime: 10_000,
  samples: [2, 3, 5, 7, 7, 6, 4],
  timeDeltas: [0, 2000, 1000, 1500, 1000, 1000, 500],
}

test('a profile as a tree: from sample to sample, without the time in which the thread waits', () => {
  const { root, idle } = callTree(PROFILE)
  expect([idle, root.total]).toEqual([2, 8])
  const work = root.children.find(({ name }) => name === 'work')
  expect(work).toMatchObject({ place: '/srv/shop one/tasks.ts:7', kind: 'own', self: 1, total: 5 })
  expect(work?.children.map(({ name, kind, self, total }) => [name, kind, self, total]).sort()).toEqual([
    ['post', 'node', 0.5, 0.5],
    ['work', 'own', 1.5, 3.5],
  ])
  expect(root.children.find(({ kind }) => kind === 'engine')).toMatchObject({ name: '(garbage collector)', self: 3 })
})

test('the hottest functions: a recursion counts once', () => {
  const { root } = callTree(PROFILE)
  expect(hottest(root, 2).map(({ name, self, total }) => [name, self, total])).toEqual([
    ['(garbage collector)', 3, 3],
    ['work', 2.5, 5],
  ])
  expect(hottest(root, 9).find(({ name }) => name === 'encode')).toMatchObject({ self: 2, kind: 'package' })
})

test('without the times of samples: by their counts', () => {
  const { root, idle } = callTree({
    nodes: nodes([
      { id: 1, name: '(root)', children: [2, 3] },
      { id: 2, name: '(idle)', hits: 3 },
      { id: 3, name: '', url: OWN, hits: 1 },
    ]),
    startTime: 1000,
    endTime: 5000,
  })
  expect([idle, root.total, root.children[0]?.name]).toEqual([3, 1, '(anonymous)'])
})

test('what is no profile is refused; what is odd in one is read', () => {
  for (const wrong of [{}, { nodes: [] }, { nodes: [1] }, { nodes: [{ id: 1 }] }, { nodes: 'x' }])
    expect(() => callTree(wrong)).toThrow(/^This is no CPU profile: expected/)
  const odd = callTree({
    // A circle, a child that is not there, one with two parents; samples that go back in time, or name nothing.
    nodes: nodes([
      { id: 1, name: '(root)', children: [2, 3, 99] },
      { id: 2, name: 'a', children: [1, 3] },
      { id: 3, name: 'b', children: [2] },
    ]),
    startTime: 0,
    endTime: 3000,
    samples: [2, 3, 'x', 3],
    timeDeltas: [0, 1000, -500, 1000],
  })
  expect(odd.root.total).toBe(2)
})

test('boxes: as wide as their time, below their caller, those with the most time first', () => {
  const { root } = callTree(PROFILE)
  const { boxes, rows, hidden } = flameBoxes(root)
  expect([rows, hidden, boxes.length]).toEqual([4, 0, 6])
  const all = boxes[0]
  const boxOf = (name: string) => boxes.find((box) => box.call.name === name)
  expect(boxOf('work')).toMatchObject({ row: 1, left: 0, width: 5 / 8, parent: all })
  expect(boxOf('(garbage collector)')).toMatchObject({ row: 1, left: 5 / 8, width: 3 / 8 })
  expect(boxOf('encode')).toMatchObject({ row: 3, width: 2 / 8 })
  const keys = (from: string, ...names: string[]) => {
    let box = boxOf(from)
    for (const key of names) box = box && boxBeside(boxes, box, key)
    return box?.call.name
  }
  expect(keys('work', 'ArrowRight')).toBe('(garbage collector)')
  expect(keys('(garbage collector)', 'ArrowLeft', 'ArrowDown', 'ArrowDown')).toBe('encode')
  expect(keys('work', 'ArrowUp')).toBe('(all)')
  expect(keys('(all)', 'ArrowUp')).toBeUndefined()
  expect(flameBoxes({ ...root, total: 0, children: [] }).boxes).toHaveLength(1)
})

test('a profile of 20,000 nodes, wide or deep, takes a moment, and few boxes', () => {
  const count = 20_000
  const ids = Array.from({ length: count }, (_, at) => at + 2)
  const wide = [
    { id: 1, name: '(root)', children: ids },
    ...ids.map((id) => ({ id, name: `f${id}`, url: OWN, hits: 1 })),
  ]
  const deep = [1, ...ids].map((id) => ({
    id,
    name: `f${id}`,
    url: OWN,
    children: id > count ? [] : [id + 1],
    hits: 1,
  }))
  for (const list of [wide, deep]) {
    const began = performance.now()
    const { root } = callTree({ nodes: nodes(list), startTime: 0, endTime: 60_000_000 })
    const { boxes, rows } = flameBoxes(root)
    expect(hottest(root, 15)).toHaveLength(15)
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(boxes.length).toBeLessThanOrEqual(3000)
    expect(rows).toBeLessThanOrEqual(200)
  }
})

test('whose code a call of a stack is', () => {
  expect(readFrame('encode (/srv/tasks.ts:12:5)')).toEqual({ name: 'encode', place: '/srv/tasks.ts:12:5', kind: 'own' })
  expect(readFrame('/srv/node_modules/sharp/index.js:1:1').kind).toBe('package')
  expect(readFrame('C:\\shop\\node_modules\\sharp\\index.js:1:1').kind).toBe('package')
  expect(readFrame('run (node:internal/timers:1:1)').kind).toBe('node')
  expect(readFrame('a (b) (/srv/(x)/y.ts:1:1)')).toMatchObject({ name: 'a (b)', place: '/srv/(x)/y.ts:1:1' })
  expect(keyOf({ name: 'a', place: 'b' })).not.toBe(keyOf({ name: 'b', place: 'a' }))
})
