import { describe, expect, it } from 'vitest'
import { criticalPath } from '../../src/dashboard/pages/workflows/flow/criticalPath.ts'
import { type Flow, joinFlow } from '../../src/dashboard/pages/workflows/flow/model.ts'
import { orderOf } from '../../src/dashboard/pages/workflows/flow/order.ts'
import { layoutOf, NODE_HEIGHT, NODE_WIDTH } from '../../src/dashboard/pages/workflows/graph/layout.ts'
import { isBundle, type ShownGraph, shownGraph } from '../../src/dashboard/pages/workflows/graph/shownGraph.ts'
import type { RecordedJobDocument } from '../../src/protocol/recordedDocument.ts'
import type { WorkflowEdge, WorkflowNode, WorkflowTree } from '../../src/protocol/workflowTree.ts'

const START = Date.parse('2026-01-02T03:04:05Z')
const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString()

/** A task, or with no name a group. `times`: sent, started and finished, s. */
function node(
  id: string,
  task: string | null,
  group: string | null = null,
  times: readonly number[] = [],
): WorkflowNode {
  const [createdAt = null, startedAt = null, finishedAt = null] = times.map(at)
  const state = finishedAt !== null ? 'SUCCESS' : startedAt !== null ? 'STARTED' : 'PENDING'
  return { id, kind: task === null ? 'group' : 'task', task, state, group, createdAt, startedAt, finishedAt }
}

function treeOf(nodes: readonly WorkflowNode[], edges: readonly string[] = []): WorkflowTree {
  const links = edges.map((edge) => {
    const [from, kind, to] = edge.split(' ')
    return { from, kind, to } as WorkflowEdge
  })
  const [first] = nodes
  const rootId = first?.id ?? ''
  const counts = { total: nodes.length, done: 0, truncated: false }
  return { id: nodes.at(-1)?.id ?? '', rootId, state: 'PENDING', ...counts, nodes, edges: links }
}

/** A recorded job, `times` in s: sent, started and ended. */
function job(id: string, parent: string | undefined, times: readonly number[] = [], more: object = {}) {
  const [sentAt, startedAt, endedAt] = times.map(at)
  const state = endedAt ? 'SUCCESS' : startedAt ? 'STARTED' : 'PENDING'
  const links = { self: '', history: '' }
  const moments = { sentAt, startedAt, endedAt, firstAt: at(0), changedAt: at(0) }
  return {
    id,
    task: `t.${id}`,
    state,
    tags: [],
    root: 'a',
    parent,
    retries: 0,
    ...moments,
    links,
    ...more,
  } as RecordedJobDocument
}

const rowsOf = (flow: Flow): readonly string[] => orderOf(flow).rows.map(({ id, depth }) => `${'.'.repeat(depth)}${id}`)
const edgesOf = ({ edges }: { edges: readonly WorkflowEdge[] }): readonly string[] =>
  edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`)

/** chain(a, chord([b, chain(c, d)], e)), whose e has a callback f. */
const NESTED = treeOf(
  [
    node('a', 'load', null, [0, 1, 2]),
    node('g', null),
    node('b', 'resize', 'g', [2, 3, 9]),
    node('c', 'resize', 'g', [2, 3, 4]),
    node('d', 'check', 'g', [4, 4, 6]),
    node('e', 'sum', null, [9, 9, 10]),
  ],
  ['a next g', 'c next d', 'g body e'],
)

describe('the join', () => {
  it('has what the result backend knows, and what the recorder has seen beside it', () => {
    const jobs = [
      job('f', 'e', [10, 11, 12]),
      job('d', 'c', [4, 4, 6], { worker: 'celeriac@web1' }),
      job('b', 'a', [2, 3, 9]),
      job('a', undefined, [0, 1, 2]),
    ]
    const flow = joinFlow('a', NESTED, jobs)
    expect(edgesOf(flow)).toEqual(['a next g', 'c next d', 'g body e', 'e child f'])
    expect(rowsOf(flow)).toEqual(['a', 'g', '.b', '.c', '.d', 'e', 'f'])
    expect(flow.nodes.get('d')).toMatchObject({
      group: 'g',
      task: 'check',
      worker: 'celeriac@web1',
      endedAt: START + 6000,
    })
    expect(flow.nodes.get('g')).toMatchObject({ kind: 'group', state: 'SUCCESS' })
    expect(flow).toMatchObject({ total: 6, done: 6, circles: 0 })
  })

  it('the state that is further counts; of two ends the stored one', () => {
    const tree = treeOf([node('a', 't'), { ...node('b', 't'), state: 'REVOKED' }, node('c', 't', null, [0, 1])])
    const jobs = [
      job('c', undefined, [0]),
      job('b', undefined, [0, 1, 2], { exception: "ValueError('x')", state: 'FAILURE' }),
      job('a', undefined, [0, 1]),
    ]
    const states = [...joinFlow('a', tree, jobs).nodes.values()].map(({ id, state }) => `${id} ${state}`)
    expect(states).toEqual(['a STARTED', 'b REVOKED', 'c STARTED'])
  })

  it('of a canvas of Python alone the parents are the edges, and a missing parent has a place', () => {
    const jobs = [job('d', 'gone'), job('c', 'b'), job('b', 'a'), job('a', undefined)]
    const flow = joinFlow('a', undefined, jobs)
    expect(edgesOf(flow)).toEqual(['gone child d', 'b child c', 'a child b'])
    expect(rowsOf(flow)).toEqual(['a', 'b', 'c', 'gone', 'd'])
    expect(flow.nodes.get('gone')).toMatchObject({ isKnown: false, task: null, state: 'UNKNOWN' })
    expect(joinFlow('a', undefined, [job('b', undefined)]).nodes.get('a')).toMatchObject({ isKnown: false })
    expect(joinFlow('a', undefined, []).nodes.size).toBe(0)
  })

  it('breaks circles of parents, of groups and of steps', () => {
    const parents = joinFlow('a', undefined, [job('c', 'b'), job('b', 'c'), job('a', 'a')])
    expect(parents.circles).toBe(1)
    expect(rowsOf(parents)).toHaveLength(3)
    const groups = joinFlow('a', treeOf([node('a', null, 'b'), node('b', null, 'a'), node('c', 't', 'b')]), [])
    expect(groups.circles).toBe(1)
    expect(rowsOf(groups)).toHaveLength(3)
    const steps = joinFlow(
      'a',
      treeOf([node('a', 't'), node('g', null), node('b', 't', 'g')], ['a next g', 'b next a']),
      [],
    )
    expect(steps).toMatchObject({ circles: 1 })
    expect(rowsOf(steps)).toHaveLength(3)
    expect(criticalPath(steps, START)).toBeUndefined()
    expect(layoutOf(shownGraph(groups, orderOf(groups)), 'right').boxes.size).toBe(3)
  })
})

describe('the critical path', () => {
  it('goes through the member of a header that ended last, waiting included', () => {
    expect(criticalPath(joinFlow('a', NESTED, []), START)).toEqual({
      ids: ['a', 'b', 'e'],
      ms: 10_000,
      tasks: [
        { task: 'resize', ms: 7000 },
        { task: 'load', ms: 2000 },
        { task: 'sum', ms: 1000 },
      ],
    })
  })

  it('goes through a chain in a group, by its last step', () => {
    const nodes = NESTED.nodes.map((one) => (one.id === 'd' ? node('d', 'check', 'g', [4, 4, 9.5]) : one))
    expect(criticalPath(joinFlow('a', { ...NESTED, nodes }, []), START)?.ids).toEqual(['a', 'c', 'd', 'e'])
  })

  it('while it runs, ends with the job that runs', () => {
    const tree = treeOf(
      [node('a', 'x', null, [0, 1, 2]), node('b', 'y', null, [2, 3]), node('c', 'z')],
      ['a next b', 'b next c'],
    )
    expect(criticalPath(joinFlow('a', tree, []), START + 8000)).toMatchObject({ ids: ['a', 'b'], ms: 8000 })
    expect(criticalPath(joinFlow('a', treeOf([node('a', 'x')]), []), START)).toBeUndefined()
  })

  it('passes by steps that never ran', () => {
    const failed = { ...node('b', 'y'), state: 'FAILURE', finishedAt: at(2) }
    const tree = treeOf(
      [node('a', 'x', null, [0, 1, 2]), failed, node('c', 'z', null, [3, 3, 4])],
      ['a next b', 'b next c'],
    )
    expect(criticalPath(joinFlow('a', tree, []), START)?.ids).toEqual(['a', 'c'])
  })
})

/** Nothing overlaps but a group and what is in it. */
function expectApart({ nodes, places }: ShownGraph, { boxes, width, height }: ReturnType<typeof layoutOf>): void {
  const list = nodes.map(({ id }) => ({ id, place: places.get(id), box: boxes.get(id) }))
  for (const { id, place, box } of list) {
    if (!box) throw new Error(`${id} has no box`)
    expect(
      box.x >= -0.01 && box.y >= -0.01 && box.x + box.width <= width + 0.01 && box.y + box.height <= height + 0.01,
    ).toBe(true)
    for (const other of list) {
      if (other.id === id || other.place !== place || !other.box) continue
      const isBeside = box.x + box.width <= other.box.x || other.box.x + other.box.width <= box.x
      const isBelow = box.y + box.height <= other.box.y || other.box.y + other.box.height <= box.y
      expect(isBeside || isBelow, `${id} and ${other.id} overlap`).toBe(true)
    }
  }
}

describe('the graph', () => {
  it.each(['right', 'down'] as const)('has layers, and groups as boxes around their members: %s', (direction) => {
    const flow = joinFlow('a', NESTED, [])
    const graph = shownGraph(flow, orderOf(flow))
    const layout = layoutOf(graph, direction)
    expectApart(graph, layout)
    const [a, g, b, e] = ['a', 'g', 'b', 'e'].map((id) => layout.boxes.get(id))
    if (!a || !g || !b || !e) throw new Error('a box is missing')
    expect(a).toMatchObject({ width: NODE_WIDTH, height: NODE_HEIGHT })
    expect(direction === 'right' ? a.x < g.x && g.x + g.width < e.x : a.y < g.y && g.y + g.height < e.y).toBe(true)
    expect(b.x > g.x && b.x + b.width < g.x + g.width && b.y > g.y && b.y + b.height < g.y + g.height).toBe(true)
    // Those around the group begin and end at its border.
    const side = ({ x, y, width, height }: typeof a, isEnd: boolean) =>
      direction === 'right'
        ? { x: x + (isEnd ? width : 0), y: y + height / 2 }
        : { x: x + width / 2, y: y + (isEnd ? height : 0) }
    expect(layout.lines.map(({ edge }) => `${edge.from} ${edge.to}`).sort()).toEqual(['a g', 'c d', 'g e'])
    const body = layout.lines.find(({ edge }) => edge.kind === 'body')
    expect([body?.from, body?.to]).toEqual([side(g, true), side(e, false)])
  })

  it('of a large workflow, members of a group are one bundle until they are asked for', () => {
    const members = Array.from({ length: 2000 }, (_, index) =>
      node(`m${index}`, 'resize', 'g', [2, 3, 4 + index / 1000]),
    )
    const tree = treeOf(
      [node('a', 'load', null, [0, 1, 2]), node('g', null), ...members, node('z', 'sum', null, [7, 7, 8])],
      ['a next g', 'g body z'],
    )
    const flow = joinFlow('a', tree, [])
    const order = orderOf(flow)
    const closed = shownGraph(flow, order)
    expect(closed.nodes.map(({ id }) => id)).toEqual(['a', 'g', 'more g members', 'z'])
    expect(closed.nodes[2]).toMatchObject({ count: 2000, task: 'resize', states: new Map([['SUCCESS', 2000]]) })
    expect(closed.places.get('more g members')).toBe('g')
    expect(closed.drawnAs.get('m7')).toBe('more g members')
    const opened = shownGraph(flow, order, new Map([['more g members', 100]]), new Set(['m1999']))
    expect(opened.nodes).toHaveLength(3 + 100 + 1 + 1)
    expect(opened.nodes.find(isBundle)?.count).toBe(1899)
    expectApart(opened, layoutOf(opened, 'right'))
  })

  it.each([
    ['jobs side by side', () => 'j0'],
    ['a chain', (index: number) => `j${index - 1}`],
    ['a binary tree', (index: number) => `j${Math.floor((index - 1) / 2)}`],
    ['a random tree', (index: number) => `j${(index * 7919) % index}`],
  ])('10,000 jobs are drawn in a moment: %s', (_, parentOf) => {
    const jobs = Array.from({ length: 10_000 }, (_, index) =>
      job(`j${index}`, index === 0 ? undefined : parentOf(index), [index / 100, index / 100, index / 100 + 1]),
    )
    const before = performance.now()
    const flow = joinFlow('j0', undefined, jobs.toReversed())
    const order = orderOf(flow)
    const path = criticalPath(flow, START)
    const graph = shownGraph(flow, order, new Map(), new Set(path?.ids.slice(0, 50)))
    const layout = layoutOf(graph, 'right')
    const ms = performance.now() - before
    expect(order.rows).toHaveLength(10_000)
    expect(path?.ids.at(-1)).toBe('j9999')
    expect(graph.nodes.length).toBeLessThan(700)
    expect(layout.boxes.size).toBe(graph.nodes.length)
    const counted = graph.nodes.reduce((all, one) => all + (isBundle(one) ? one.count : 1), 0)
    expect(counted).toBe(10_000)
    // Some 0.2 s on a machine that does nothing else.
    expect(ms).toBeLessThan(5000)
  })
})
