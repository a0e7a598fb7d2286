import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { workflowTree } from '../../src/canvas/workflowTree.ts'
import type { WorkflowTree } from '../../src/protocol/workflowTree.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { until } from '../../src/testing/kit.ts'
import { type Lab, onEachStore, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

interface Family {
  readonly id: string
  readonly parentId: string | undefined
  readonly rootId: string | undefined
}

function tasksOf(app: App, seen: Family[] = []) {
  const see = (): void => {
    const { id, parentId, rootId } = currentTask() ?? {}
    seen.push({ id: id as string, parentId, rootId })
  }
  return {
    add: app.task('add', (x: number, y: number) => {
      see()
      return x + y
    }),
    sum: app.task('sum', (list: readonly number[]) => {
      see()
      return list.reduce((all, one) => all + one, 0)
    }),
    fail: app.task('fail', (): number => {
      throw new RangeError('no such thing')
    }),
    note: app.task('note', (_: unknown) => see()),
  }
}

/** As `chain(add, chord([add, chain(add, add)], sum))` is. */
function shownOf({ nodes, edges, ...whole }: WorkflowTree) {
  const nameOf = new Map(nodes.map(({ id, task }, at) => [id, `${task ?? 'group'}${at}`]))
  return {
    ...whole,
    nodes: nodes.map(
      ({ id, state, group: of }) => `${nameOf.get(id)} ${state}${of === null ? '' : ` in ${nameOf.get(of)}`}`,
    ),
    edges: edges.map(({ from, to, kind }) => `${nameOf.get(from)} ${kind} ${nameOf.get(to)}`),
  }
}

async function treeOf(app: App, id: string): Promise<WorkflowTree> {
  return (await app.workflow(id)) ?? expect.fail(`no tree of ${id}`)
}

/** The tree when all of it has ended, and it has at least so many tasks. */
async function ended(app: App, id: string, count = 1): Promise<WorkflowTree> {
  let tree = await treeOf(app, id)
  await until(`the end of ${count} tasks or more`, async () => {
    tree = await treeOf(app, id)
    return tree.done === tree.total && tree.total >= count
  })
  return tree
}

const nested = ({ add, sum, note }: ReturnType<typeof tasksOf>) =>
  chain(add.s(1, 2), group([add.s(10), chain(add.s(20), add.s(1))]), sum.s().link(note.s()))

onEachStore((lab: () => Lab) => {
  it('knows all tasks before they are sent, and what follows from what', async () => {
    const app = lab().app()
    const handle = await nested(tasksOf(app)).delay()
    const tree = await treeOf(app, handle.id)
    expect(shownOf(tree)).toEqual({
      id: handle.id,
      rootId: tree.nodes[0]?.id,
      state: 'PENDING',
      total: 5,
      done: 0,
      truncated: false,
      nodes: [
        'add0 PENDING',
        'group1 PENDING',
        'add2 PENDING in group1',
        'add3 PENDING in group1',
        'add4 PENDING in group1',
        'sum5 PENDING',
      ],
      edges: ['add0 next group1', 'add3 next add4', 'group1 body sum5'],
    })
    expect(await app.workflow(tree.rootId)).toEqual(tree)
    expect(await app.workflow('nothing')).toBeUndefined()
  })

  it('has the states, the times and the callbacks when it has run; the ids are those that ran', async () => {
    const app = lab().app()
    const seen: Family[] = []
    const tasks = tasksOf(app, seen)
    await lab().work(app)
    const handle = await nested(tasks).delay()
    expect(await handle.get({ timeout: '60s' })).toBe(37)
    const tree = await ended(app, handle.id, 6)
    expect(shownOf(tree).edges.at(-1)).toBe('sum5 child note6')
    expect(tree).toMatchObject({ state: 'SUCCESS', total: 6, done: 6, id: handle.id })
    const own = tree.nodes.filter((node) => node.kind === 'task')
    expect(new Set(own.map(({ id }) => id))).toEqual(new Set(seen.map(({ id }) => id)))
    for (const { finishedAt } of own) expect(finishedAt).not.toBeNull()
    expect(new Set(seen.map(({ rootId }) => rootId))).toEqual(new Set([tree.rootId]))
    // The parent of a task is what is before it in the tree; of a body, one of the header.
    for (const { id, parentId } of seen) {
      const edge = tree.edges.find(({ to }) => to === id) ?? tree.edges.find(({ to }) => to === groupOf(tree, id))
      if (id === tree.rootId) expect(parentId).toBeUndefined()
      else if (edge?.kind === 'body') expect(own.find((node) => node.id === parentId)?.group).toBe(edge.from)
      else expect(parentId).toBe(edge?.from)
    }
    // Also from a step of it, by its parent.
    expect(await app.workflow(seen.at(-1)?.id as string)).toEqual(tree)
  })

  it('a failure ends all that follows from it', async () => {
    const app = lab().app()
    const { add, fail, sum } = tasksOf(app)
    await lab().work(app)
    const handle = await chain(chord([add.s(1, 2), fail.s()], sum.s()), add.s(1)).delay()
    await expect(handle.get({ timeout: '60s' })).rejects.toThrow('no such thing')
    const tree = await ended(app, handle.id)
    expect(shownOf(tree)).toMatchObject({
      state: 'FAILURE',
      done: 4,
      nodes: ['group0 FAILURE', 'add1 SUCCESS in group0', 'fail2 FAILURE in group0', 'sum3 FAILURE', 'add4 FAILURE'],
      edges: ['group0 body sum3', 'sum3 next add4'],
    })
    expect(tree.nodes[2]?.error).toEqual({ type: 'RangeError', message: 'no such thing' })
  })

  it('what a task sends by itself is in it, a workflow too', async () => {
    const app = lab().app()
    const { add, sum } = tasksOf(app)
    const outer = app.task('outer', async () => {
      await chord([add.s(1, 1), add.s(2, 2)], sum.s()).delay()
      await add.delay(3, 3)
    })
    await lab().work(app)
    const { id } = await outer.delay()
    await app.result(id).get({ timeout: '60s' })
    const tree = await ended(app, id)
    expect(shownOf(tree)).toMatchObject({
      id,
      rootId: id,
      state: 'SUCCESS',
      nodes: [
        'outer0 SUCCESS',
        'group1 SUCCESS',
        'add2 SUCCESS in group1',
        'add3 SUCCESS in group1',
        'sum4 SUCCESS',
        'add5 SUCCESS',
      ],
      edges: ['outer0 child group1', 'group1 body sum4', 'outer0 child add5'],
    })
  })

  it('a tree shows so many nodes, and the number of all', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    const sent = await group(Array.from({ length: 30 }, (_, n) => add.s(n, n))).delay()
    const tree = await workflowTree(sent.id, (await storesOf(app)).backend, 11)
    expect(tree).toMatchObject({ id: sent.id, state: 'PENDING', total: 30, done: 0, truncated: true })
    expect(tree?.nodes.slice(1).map(({ id }) => id)).toEqual(sent.members.slice(0, 10).map(({ id }) => id))
  })
})

function groupOf({ nodes }: WorkflowTree, id: string): string | null | undefined {
  return nodes.find((node) => node.id === id)?.group
}

describe('a task alone', () => {
  const lab = useLab('memory')

  it('is a tree of one, and writes no note', async () => {
    const app = lab().app()
    const { add } = tasksOf(app)
    const { id } = await add.delay(1, 2)
    expect(await app.workflow(id)).toMatchObject({
      id,
      rootId: id,
      total: 1,
      done: 0,
      edges: [],
      nodes: [{ id, task: 'add' }],
    })
  })
})
