import { expect, test } from 'vitest'
import { chord } from '../../src/calls/workflow.ts'
import { Reject } from '../../src/std/errors.ts'
import { isFull } from '../tier.ts'
import { eventually } from '../wait.ts'
import { type Lab, onStores } from './lab.ts'

/*
 * A member of a chord that has died is sent again, and succeeds. While another member has not ended, the chord is open,
 * and the new end counts instead of the first one; a chord that has ended does not come back.
 */

const WAIT = { timeout: '60s' } as const

async function scene(lab: Lab) {
  const app = lab.app()
  const state = { dies: true, bodies: [] as unknown[], errbacks: 0, open: Promise.withResolvers<void>() }
  const member = app.task('member', (n: number) => {
    if (state.dies && n === 1) throw new Reject('dies')
    return n
  })
  const slow = app.task('slow', async (n: number) => {
    await state.open.promise
    return n
  })
  const body = app.task('body', (values: unknown[]) => {
    state.bodies.push(values)
    return values.length
  })
  const errback = app.task('errback', () => {
    state.errbacks++
  })
  const worker = await lab.work(app, { concurrency: 4 })
  lab.after(() => state.open.resolve())
  /** The member has died: it is sent again, and succeeds. */
  const again = async (id: string): Promise<void> => {
    await eventually(
      () => app.deadLetters.get(id),
      (letter) => letter?.reason === 'rejected',
    )
    state.dies = false
    expect((await app.deadLetters.redrive({ ids: [id] })).ids).toEqual([id])
    expect(await app.result(id).get(WAIT)).toBe(1)
  }
  /** Nothing is left to be done. */
  const rest = async (): Promise<void> => {
    await eventually(
      async () => worker.busy + (await app.queueSize()),
      (count) => count === 0,
    )
    expect(await app.deadLetters.count()).toEqual({})
  }
  const dying = (id: string) => member.s(1).set({ taskId: id })
  return { member, slow, body, errback, dying, state, again, rest }
}

onStores(
  isFull ? ['sqlite', 'redis', 'rabbitmq', 'postgres'] : ['sqlite'],
  (lab) => {
    test('the chord has failed: its errback was called once, and its body never runs', async () => {
      const { member, body, errback, dying, state, again, rest } = await scene(lab())
      const joined = await chord([dying('a'), member.s(2)], body.s()).applyAsync([], { linkError: errback.s() })
      await expect(joined.get(WAIT)).rejects.toThrow(/dies/)
      await again('a')
      await eventually(
        async () => state.errbacks,
        (count) => count > 0,
      )
      await rest()
      await expect(joined.get(WAIT)).rejects.toThrow(/dies/)
      expect([state.bodies, state.errbacks]).toEqual([[], 1])
    })

    test('another member has not ended yet: the chord is open, and gets the new end', async () => {
      const { slow, body, dying, state, again, rest } = await scene(lab())
      const joined = await chord([dying('b'), slow.s(2)], body.s()).delay()
      await again('b')
      state.open.resolve()
      expect(await joined.get(WAIT)).toBe(2)
      await rest()
      expect(state.bodies).toEqual([[1, 2]])
    })

    test("onError: 'collect': the body gets the first end of the member, or the new one while the chord is open", async () => {
      const { member, slow, body, dying, state, again, rest } = await scene(lab())
      const before = await chord([dying('c'), member.s(2)], body.s(), { onError: 'collect' }).delay()
      expect(await before.get(WAIT)).toBe(2)
      await again('c')
      await rest()
      expect(state.bodies).toMatchObject([[{ status: 'rejected' }, { status: 'fulfilled', value: 2 }]])
      state.dies = true
      const during = await chord([dying('d'), slow.s(3)], body.s(), { onError: 'collect' }).delay()
      await again('d')
      state.open.resolve()
      expect(await during.get(WAIT)).toBe(2)
      await rest()
      expect(state.bodies[1]).toMatchObject([{ value: 1 }, { value: 3 }])
    })
  },
  { memory: false },
)
