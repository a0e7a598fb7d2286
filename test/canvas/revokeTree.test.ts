import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { isFinal } from '../../src/protocol/states.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onEachStore, until } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/* `revoke({ tree: true })`: all of a workflow. */

const REVOKED = { code: 'TASK_REVOKED' }

function makeTasks(app: App) {
  const ran: string[] = []
  return {
    ran,
    step: app.task('step', (name: string): string => {
      ran.push(name)
      return name
    }),
    hold: app.task('hold', async (name: string) => {
      const { signal } = currentTask() as { signal: AbortSignal }
      ran.push(name)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      return name
    }),
    join: app.task('join', (list: readonly unknown[]) => {
      ran.push('join')
      return list
    }),
    last: app.task('last', (list: readonly unknown[]) => {
      ran.push('last')
      return list
    }),
  }
}

/** Resolves when every task of the workflow has ended. */
async function ended(app: App, id: string): Promise<readonly string[]> {
  return until(async () => {
    const states = (await app.workflow(id))?.nodes.flatMap(({ kind, state }) => (kind === 'task' ? [state] : [])) ?? []
    if (!states.every(isFinal)) throw new Error(`states: ${states.join()}`)
    return states
  })
}

onEachStore((lab, kind) => {
  it('what waits never runs: steps before the end, members of headers and groups, bodies', async () => {
    const app = lab().app()
    const { step, join, last, ran } = makeTasks(app)
    const members = [step.si('b'), chain(step.si('c'), step.si('d'))] as const
    const sent = await chain(step.s('a'), group(members), join.s(), last.s()).delay()
    const waiting = sent.get().catch((error: unknown) => error)
    expect(await sent.revoke({ tree: true })).toBe(true)
    expect(await waiting).toMatchObject(REVOKED)
    await lab().work(app)
    expect(await ended(app, sent.id)).toEqual(Array(6).fill('REVOKED'))
    expect(await step.delay('later').get({ timeout: '20s' })).toBe('later')
    expect(ran).toEqual(['later'])
    expect(await sent.revoke({ tree: true })).toBe(false)
  })

  it('a chord in the middle: running members stop, and its body does not run, whatever its onError', async () => {
    const app = lab().app()
    const { step, hold, join, ran } = makeTasks(app)
    await lab().work(app, { concurrency: 8 })
    const failed: unknown[] = []
    app.on('chord:failure', (event) => failed.push(event))
    for (const onError of ['fail', 'ignore'] as const) {
      ran.length = 0
      const header = [hold.s('held'), step.s('done'), chain(hold.s('first'), step.si('second'))] as const
      const sent = await chord(header, join.s().linkError(step.s()), { onError }).delay()
      await until(() => expect([...ran].sort()).toEqual(['done', 'first', 'held']))
      expect(await sent.revoke({ tree: true })).toBe(true)
      await expect(sent.get({ timeout: '20s' })).rejects.toMatchObject(REVOKED)
      const states = await ended(app, sent.id)
      expect([...states].sort()).toEqual(['REVOKED', 'REVOKED', 'REVOKED', 'REVOKED', 'SUCCESS'])
      const { chords } = (await storesOf(app)).backend
      await until(async () => expect(await chords?.complete(Number.MAX_SAFE_INTEGER, 10)).toEqual([]))
      // No errback is called: the chord did not fail.
      await step.delay('after').get({ timeout: '20s' })
      expect([[...ran].sort(), failed]).toEqual([['after', 'done', 'first', 'held'], []])
    }
  })

  it('a group: its members, and the steps before it', async () => {
    const app = lab().app()
    const { step, ran } = makeTasks(app)
    const sent = await chain(step.s('a'), group([step.si('b'), step.si('c')])).delay()
    expect(await sent.revoke({ tree: true })).toBe(3)
    await lab().work(app)
    await ended(app, sent.id)
    expect([await sent.state(), await sent.revoke({ tree: true }), ran]).toEqual(['REVOKED', 0, []])
  })

  it('a member, or a task of another workflow around it, is not the whole', async () => {
    const app = lab().app()
    const { step, join, ran } = makeTasks(app)
    const inner: string[] = []
    const outer = app.task('outer', async () => {
      inner.push((await chain(step.s('x'), step.si('y')).applyAsync([], { countdown: '1h' })).id)
      return 'out'
    })
    const sent = await chord([outer.s(), step.s('b')], join.s()).delay()
    await lab().work(app)
    expect(await sent.get({ timeout: '20s' })).toEqual(['out', 'b'])
    expect(await app.result(inner[0] as string).revoke({ tree: true })).toBe(true)
    expect(ran).toEqual(['b', 'join'])
    expect(await app.result(inner[0] as string).state()).toBe('REVOKED')
    expect((await app.workflow(sent.id))?.nodes.map(({ task, state }) => `${task} ${state}`)).toEqual(
      expect.arrayContaining(['outer SUCCESS', 'join SUCCESS', 'step REVOKED']),
    )
  })

  if (kind === 'sqlite' || kind === 'redis')
    it('a caller that dies after the marks: nothing runs that had not begun', async () => {
      const [app, other] = [lab().app(), lab().app()]
      const tasks = makeTasks(app)
      makeTasks(other)
      const header = group([tasks.step.si('b'), tasks.step.si('c')])
      const sent = await chain(tasks.step.s('a'), header, tasks.join.s()).delay()
      const { unitOfWork } = await storesOf(other)
      unitOfWork.write = () => Promise.reject(new Error('killed here'))
      await expect(other.result(sent.id).revoke({ tree: true })).rejects.toThrow('killed here')
      await lab().work(app)
      expect(await ended(app, sent.id)).toEqual(Array(4).fill('REVOKED'))
      await expect(sent.get({ timeout: '20s' })).rejects.toMatchObject(REVOKED)
      expect(tasks.ran).toEqual([])
    })
})
