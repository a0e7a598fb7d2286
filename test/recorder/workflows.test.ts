import { describe, expect, it } from 'vitest'
import { RecorderFile } from '../../src/recorder/file/recorderFile.ts'
import type { WorkflowQuery } from '../../src/recorder/recording.ts'
import { type Scene, START, useScene } from './scene.ts'

const newScene = useScene()

function roots(scene: Scene, query: Partial<WorkflowQuery> = {}): string[] {
  return scene.file.calls.workflows({ limit: 100, ...query }, START).workflows.map(({ root }) => root)
}

/** A root, and members that name it. */
function workflow(scene: Scene, root: string, members: number, at = 0): void {
  scene.now = START + at
  const all = Array.from({ length: members }, (_, index) =>
    scene.job(`${root}-${index}`, { at: at + 50, root_id: root, parent_id: root }),
  )
  scene.write([...scene.job(root, { at, name: `flow.${root}`, root_id: root }), ...all.flat()])
}

describe('workflows', () => {
  it('are jobs that others name as their root, those with the newest job first', () => {
    const scene = newScene()
    scene.write(scene.job('alone', { root_id: 'alone' }))
    workflow(scene, 'a', 2, 1000)
    workflow(scene, 'b', 1, 2000)
    expect(roots(scene)).toEqual(['b', 'a'])
    const [, a] = scene.file.calls.workflows({ limit: 9 }, START).workflows
    expect(a).toEqual({
      ...{ root: 'a', task: 'flow.a', state: 'SUCCESS', total: 3, states: { SUCCESS: 3 } },
      ...{ firstAt: START + 1000, changedAt: START + 1080, endedAt: START + 1080 },
    })
    scene.now = START + 3000
    scene.write([
      scene.event({ type: 'task-received', uuid: 'late', name: 'shop.add', at: 3000, root_id: 'a', parent_id: 'a-0' }),
    ])
    expect(roots(scene)).toEqual(['a', 'b'])
    const [again] = scene.file.calls.workflows({ limit: 1 }, START).workflows
    expect(again).toMatchObject({ total: 4, states: { SUCCESS: 3, RECEIVED: 1 }, changedAt: START + 3000 })
    expect(again?.endedAt).toBeUndefined()
  })

  it('come by page, and by task, owner and time', () => {
    const scene = newScene()
    for (const [at, root] of ['a', 'b', 'c', 'd', 'e'].entries()) workflow(scene, root, 3, at * 1000)
    const pages: string[][] = []
    let cursor: string | undefined
    do {
      const page = scene.file.calls.workflows({ limit: 2, cursor }, START)
      pages.push(page.workflows.map(({ root }) => root))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(pages).toEqual([['e', 'd'], ['c', 'b'], ['a']])
    expect(roots(scene, { tasks: ['flow.c', 'none'] })).toEqual(['c'])
    expect(roots(scene, { since: START + 1000, until: START + 3000 })).toEqual(['c', 'b'])
    expect(roots(scene, { owner: 'ann' })).toEqual([])
    scene.write(scene.job('own', { root_id: 'own' }), { own: { owner: 'ann' } })
    scene.write(scene.job('own-1', { root_id: 'own' }))
    expect(roots(scene, { owner: 'ann' })).toEqual(['own'])
    expect(() => roots(scene, { cursor: 'x' })).toThrow('cursor: expected one of the page before')
  })

  it('have a root that was not recorded, and more jobs than are looked at', () => {
    const scene = newScene()
    scene.write(scene.job('child', { root_id: 'gone' }))
    const [gone] = scene.file.calls.workflows({ limit: 9 }, START).workflows
    expect(gone).toMatchObject({ root: 'gone', total: 1, states: { SUCCESS: 1 } })
    expect([gone?.task, gone?.state]).toEqual([undefined, undefined])
    workflow(scene, 'big', 2500, 1000)
    const [big] = scene.file.calls.workflows({ limit: 1 }, START).workflows
    expect(big).toMatchObject({ root: 'big', total: 2501, states: { SUCCESS: 2001 }, isPartial: true })
    expect(big?.endedAt).toBeUndefined()
  })

  it('are found in a file that was made without their index', () => {
    const scene = newScene()
    workflow(scene, 'a', 1)
    scene.file.close()
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const db = new DatabaseSync(scene.path)
    db.exec('DROP INDEX job_child')
    db.close()
    scene.file = new RecorderFile({ path: scene.path, fleet: 'redis://test', limits: scene.limits })
    expect(roots(scene)).toEqual(['a'])
    expect(scene.file.calls.tasks(START)).toEqual(['flow.a', 'shop.add'])
  })
})
