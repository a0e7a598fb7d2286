import { describe, expect, it } from 'vitest'
import { currentTask } from '../../src/tasks/current.ts'
import { onEachStore, until } from './lab.ts'
import { DAY, leftOnRedis, storedFor } from './storedFor.ts'

onEachStore(
  (lab, kind) => {
    describe('a task that waits for longer than a week', () => {
      const kept = async (id: string): Promise<void> => {
        const left = await storedFor(lab(), kind, id)
        expect([left > 36.9 * DAY, left < 37.1 * DAY], `${left / DAY} days`).toEqual([true, true])
      }

      it('by countdown or eta, alone or among many, is known for a week from its moment on', async () => {
        const app = lab().app({ resultExpires: '1h' })
        const task = app.task('task', (n: number) => n)
        await kept((await task.applyAsync([1], { countdown: '30d', idempotencyKey: 'once' })).id)
        await kept((await task.applyAsync([1], { eta: new Date(Date.now() + 30 * DAY), tags: ['x'] })).id)
        const many = await task.delayMany([[1], [2], [3]], { countdown: '30d', tags: ['x'] })
        const soon = await task.applyAsync([1], { tags: ['x'] })
        for (const { id } of many) await kept(id)
        expect(await storedFor(lab(), kind, soon.id)).toBeLessThan(7.1 * DAY)
        expect((await task.applyAsync([1], { countdown: '30d', idempotencyKey: 'once' })).sent).toBe(false)
        if (kind !== 'redis') return
        const keys = [...many.map(({ id }) => `celeriac.origin-${id}`), 'celeriac.jobs']
        for (const key of keys) expect(await leftOnRedis(lab(), key), key).toBeGreaterThan(36.9 * DAY)
      })

      it('before it is repeated', async () => {
        const app = lab().app({ resultExpires: '1h' })
        const task = app.task('task', () => currentTask()?.retry({ countdown: '30d' }))
        await lab().work(app)
        const handle = await task.delay()
        await until(async () => (await handle.state()) === 'RETRY')
        await kept(handle.id)
      })

      it('for an answer from outside', async () => {
        const app = lab().app({ resultExpires: '1h' })
        let token: string | undefined
        const notify = (given: string): void => {
          token = given
        }
        const task = app.task('task', () => currentTask()?.waitFor('approval', { timeout: '30d', notify }))
        await lab().work(app)
        const handle = await task.delay()
        await until(async () => token !== undefined && (await handle.state()) === 'WAITING')
        await kept(handle.id)
        const wait = token?.split('.')[0] as string
        await until(async () => (await app.result(wait).state()) === 'PENDING')
        await kept(wait)
        expect(await app.completeWait(token as string, 'yes')).toBe('completed')
        expect(await handle.get({ timeout: '10s' })).toBe('yes')
      })
    })
    // Of memory the suite of lifetimes has the clock.
  },
  { memory: false },
)
