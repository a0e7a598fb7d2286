import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { ownershipHeader, ownershipIn } from '../../src/protocol/ownership.ts'
import type { SignatureLike } from '../../src/protocol/signature.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onEachStore, until } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/* What a worker sends for a task has its owner and its tags; in its place also the priority and the time limit. */

const ADA = { owner: 'ada', tags: ['report', 'may'] }

interface Seen {
  readonly priority: number | undefined
  readonly expires: Date | undefined
  readonly user: unknown
  readonly lineage: readonly (string | undefined)[]
}

function tasksOf(app: App) {
  const seen = new Map<string, Seen>()
  const note = (name: string): void => {
    const { priority, expires, parentId, rootId } = currentTask() as NonNullable<ReturnType<typeof currentTask>>
    seen.set(name, { priority, expires, user: app.requestContext()?.values.user, lineage: [rootId, parentId] })
  }
  const add = app.task('add', (x: number, y: number) => {
    note('add')
    return x + y
  })
  const sum = app.task('sum', (list: readonly number[]) => {
    note('sum')
    return list.reduce((all, one) => all + one, 0)
  })
  const fail = app.task('fail', (): number => {
    throw new RangeError('no')
  })
  const alarm = app.task('alarm', (id: string) => id)
  const workflows: Record<string, () => SignatureLike> = {
    chord: () => chord([add.s(1, 2), chain(add.s(3, 4), add.s(1))], sum.s()),
    failing: () => chord([add.s(1, 2), fail.s()], sum.s().linkError(alarm.s())),
    twice: () => replaced.s('chord'),
  }
  const replaced = app.task(
    'replaced',
    (kind: string): number => currentTask()?.replace(workflows[kind]?.() as SignatureLike) as never,
  )
  const more = app.task('more', async () => {
    await currentTask()?.addToChord(add.s(5, 5))
    return 1
  })
  return { seen, add, sum, fail, alarm, replaced, more }
}

/** The names of the jobs of this owner, when there are as many. */
async function jobsOf(app: App, owner: string, count: number): Promise<readonly string[]> {
  const listed = async () => (await app.jobs({ owner, limit: 100 })).jobs
  await until(async () => (await listed()).length === count)
  const jobs = await listed()
  const ids = jobs.map(({ id }) => id)
  const metadata = await (await storesOf(app)).backend.jobs?.metadata(ids)
  for (const one of metadata ?? []) expect(one).toMatchObject(ADA)
  return jobs.map(({ task }) => task ?? '').sort()
}

onEachStore((lab) => {
  it('links, also in them, and errbacks', async () => {
    const app = lab().app()
    const { add, sum, fail, alarm } = tasksOf(app)
    await lab().work(app)
    const link = chain(add.s(10), group([add.s(1), add.s(2)]), sum.s())
    await add.applyAsync([1, 2], { ...ADA, link }).get({ timeout: '20s' })
    expect(await jobsOf(app, 'ada', 5)).toEqual(['add', 'add', 'add', 'add', 'sum'])
    await chain(add.s(1, 1), fail.si().linkError(alarm.s())).applyAsync([], { ...ADA, owner: 'ada' })
    expect(await jobsOf(app, 'ada', 8)).toContain('alarm')
    await add.applyAsync([1, 2], { link: sum.si([1]) }).get({ timeout: '20s' })
    expect((await app.jobs({ owner: 'ada', limit: 100 })).jobs).toHaveLength(8)
  })

  it('a workflow in place of a task; a member that is added; the errback of a chord', async () => {
    const app = lab().app()
    const { replaced, more, sum } = tasksOf(app)
    await lab().work(app)
    await replaced.applyAsync(['twice'], ADA).get({ timeout: '20s' })
    expect(await jobsOf(app, 'ada', 4)).toEqual(['add', 'add', 'add', 'sum'])
    await chord([more.s()], sum.s()).applyAsync([], ADA).get({ timeout: '20s' })
    expect(await jobsOf(app, 'ada', 7)).toContain('more')
    await expect(replaced.applyAsync(['failing'], ADA).get({ timeout: '20s' })).rejects.toThrow('no')
    expect(await jobsOf(app, 'ada', 11)).toContain('alarm')
  })

  it('a workflow in place of a task has its priority, its time, its request and its root', async () => {
    const app = lab().app()
    const { replaced, seen } = tasksOf(app)
    await lab().work(app)
    const expires = new Date(Date.now() + 3_600_000)
    const sent = await app.withContext({ user: 'ada' }, () =>
      replaced.applyAsync(['chord'], { ...ADA, priority: 3, expires }),
    )
    expect(await sent.get({ timeout: '20s' })).toBe(11)
    for (const [name, { lineage, ...facts }] of seen) {
      expect([name, facts]).toEqual([name, { priority: 3, expires, user: 'ada' }])
      expect(lineage[0]).toBe(sent.id)
    }
    expect([...seen.keys()].sort()).toEqual(['add', 'sum'])
  })
})

it('a header of another form is no ownership', () => {
  expect(ownershipIn(ownershipHeader(ADA))).toEqual(ADA)
  expect(ownershipHeader({})).toEqual({})
  const others = [undefined, 7, [], { owner: 7 }, { owner: '' }, { tags: 'a' }, { tags: [1] }, {}]
  for (const celeriac_job of others) expect(ownershipIn({ celeriac_job })).toBeUndefined()
  expect(ownershipIn(undefined)).toBeUndefined()
})
