import { describe, expect, it } from 'vitest'
import { onEachStore, until, useLab } from './lab.ts'
import { DAY, storedFor } from './storedFor.ts'

onEachStore(
  (lab, kind) => {
    describe('resultExpires of a task and of a call', () => {
      const days = async (id: string): Promise<number> => {
        const left = await storedFor(lab(), kind, id)
        return left <= 0 ? left : Math.round(left / DAY)
      }

      it("the call's, else the task's, else the app's; 0 is for ever", async () => {
        const app = lab().app({ resultExpires: '2d' })
        const plain = app.task('plain', (n: number) => n)
        const long = app.task('long', (n: number) => n, { resultExpires: '40d' })
        await lab().work(app)
        const handles = [
          await plain.delay(1),
          await long.delay(1),
          await long.applyAsync([1], { resultExpires: '20d' }),
          await plain.applyAsync([1], { resultExpires: 0, owner: 'mara' }),
          await app.send('long', [1]),
          await plain.s(1).set({ resultExpires: '9d' }).delay(),
        ]
        for (const handle of handles) await handle.get({ timeout: '20s' })
        const kept: number[] = []
        for (const { id } of handles) kept.push(await days(id))
        expect(kept).toEqual([2, 40, 20, -1, 40, 9])
      })

      it('from the first record on, and of what fails, is revoked or never runs', async () => {
        const app = lab().app({ resultExpires: '2d' })
        const broken = app.task('broken', () => Promise.reject(new Error('no')), { resultExpires: '40d' })
        const waiting = await broken.applyAsync([], { queue: 'later', expires: 1 })
        const revoked = await broken.applyAsync([], { queue: 'later' })
        const unknown = await app.send('nowhere', [], { resultExpires: '30d' })
        const failed = await broken.delay()
        if (kind !== 'rabbitmq') expect(await days(waiting.id)).toBe(40)
        await lab().work(app)
        await until(async () => (await failed.state()) === 'FAILURE' && (await unknown.state()) === 'FAILURE')
        await revoked.revoke()
        await lab().work(app, { queues: ['later'], hostname: 'later@here' })
        await until(async () => (await waiting.state()) === 'REVOKED' && (await revoked.state()) === 'REVOKED')
        const kept: number[] = []
        for (const { id } of [failed, waiting, revoked, unknown]) kept.push(await days(id))
        expect(kept).toEqual([40, 40, 40, 30])
      })
    })
  },
  { memory: false },
)

describe('resultExpires in memory', () => {
  const lab = useLab('memory')

  it('a short one is gone, an ordinary one is not', async () => {
    const app = lab().app()
    const echo = app.task('echo', (n: number) => n)
    await lab().work(app)
    const short = await echo.applyAsync([1], { resultExpires: 1 })
    const long = await echo.delay(2)
    await until(async () => (await short.state()) === 'UNKNOWN')
    expect(await long.get({ timeout: '10s' })).toBe(2)
  })
})
