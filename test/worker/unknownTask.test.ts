import { describe, expect, it } from 'vitest'
import type { TaskMessage } from '../../src/protocol/message.ts'
import { unknownPostponement } from '../../src/worker/task/postponement.ts'
import { next, onEachStore, record, until } from '../app/lab.ts'
import { takeDead } from '../deadLetters.ts'

onEachStore(
  (lab) => {
    describe('during a deploy', () => {
      it('a task that the old worker does not know waits for the new one, beside it', async () => {
        const old = lab().app({ unknownTaskTimeout: '20s' })
        const told = record(old)
        await lab().work(old, { hostname: 'old@here' })
        const waiting = next(old, 'task:postponed')
        const handle = await old.send('of.tomorrow', [1], { headers: { tenant: 'acme' }, priority: 3 })
        expect(await waiting).toMatchObject({ id: handle.id, reason: 'it is not registered here' })
        const today = lab().app()
        today.task('of.tomorrow', (x: number) => x + 1)
        await lab().work(today, { hostname: 'new@here' })
        expect(await handle.get({ timeout: '25s' })).toBe(2)
        expect(await handle.info()).toMatchObject({ worker: 'new@here', retries: 0, attempt: 1 })
        const names = told.map(({ name }) => name)
        expect(names.filter((name) => name === 'task:postponed')).toHaveLength(1)
        expect(names).not.toContain('task:unknown')
      })

      it('a newer version waits for the new worker; an older one is upgraded', async () => {
        const old = lab().app({ unknownTaskTimeout: '20s' })
        const first = old.task('greet', (name: string) => `hello ${name}`)
        const today = lab().app()
        const second = today.task('greet', (to: { name: string }) => `hello, ${to.name}`, {
          version: 2,
          upgrade: (args) => [{ name: (args as string[])[0] }],
        })
        const early = await first.applyAsync(['Ann'], { queue: 'later' })
        const waiting = next(old, 'task:postponed')
        await lab().work(old, { hostname: 'old@here' })
        const late = await second.delay({ name: 'Bob' })
        expect(await waiting).toMatchObject({ reason: 'its version 2 is newer than 1, the one known here' })
        await lab().work(today, { hostname: 'new@here', queues: ['celery', 'later'] })
        expect(await late.get({ timeout: '25s' })).toBe('hello, Bob')
        expect(await early.get({ timeout: '25s' })).toBe('hello, Ann')
      })

      it('when no worker has come in time, it fails and is kept; put back, it has its time again', async () => {
        const app = lab().app({ unknownTaskTimeout: '700ms' })
        const told = record(app)
        app.task('today', () => 1)
        await lab().work(app)
        const unknown = await app.send('of.tomorrow')
        const newer = await app.send('today', [], { headers: { celeriac_version: 3 } })
        await expect(unknown.get({ timeout: '20s' })).rejects.toMatchObject({
          type: 'NotRegistered',
          message: 'of.tomorrow',
        })
        await expect(newer.get({ timeout: '20s' })).rejects.toMatchObject({
          type: 'NotRegistered',
          message: 'today: its version 3 is newer than 1, the one known here',
        })
        const events = (name: string) => told.filter((one) => one.name === name).map(({ event }) => event)
        await until(() => events('task:unknown').length === 2)
        expect(events('task:postponed')).toHaveLength(2)
        expect(events('task:unknown')).toContainEqual(expect.objectContaining({ id: newer.id, version: 3 }))
        expect(await app.queueSize()).toBe(0)
        const kept = await takeDead(app)
        expect(kept).toHaveLength(2)
        for (const { headers } of kept) {
          expect(headers).not.toHaveProperty('celeriac_first_seen')
          expect(headers).toHaveProperty('x-death-reason', expect.stringMatching(/^NotRegistered: /))
        }
      })

      it('revoked while it waits, it ends', async () => {
        const app = lab().app({ unknownTaskTimeout: '20s' })
        await lab().work(app)
        const waiting = next(app, 'task:postponed')
        const handle = await app.send('of.tomorrow')
        await waiting
        await handle.revoke()
        await until(async () => (await handle.state()) === 'REVOKED')
      })
    })
  },
  { memory: false },
)

describe('how often an unknown task comes back', () => {
  const message = (headers: object): TaskMessage => ({ headers }) as TaskMessage
  const at = (headers: object, timeout: number, now: number) =>
    unknownPostponement(message(headers), { reason: 'r', timeout, now })

  it('about thirty times in its time, whatever that is, and never as a hot loop', () => {
    for (const [timeout, most] of [
      [60_000, 62],
      [3_600_000, 62],
      [1000, 6],
    ] as const) {
      let now = 5_000_000
      let headers = {}
      let tries = 0
      for (let one = at(headers, timeout, now); one; one = at(headers, timeout, now)) {
        expect(one.reason).toBe(tries === 0 ? 'r' : undefined)
        headers = one.headers
        now = one.notBefore
        tries++
      }
      expect(headers).toEqual({ celeriac_first_seen: 5_000_000 })
      expect(now).toBe(5_000_000 + timeout)
      expect(tries).toBeGreaterThan(1)
      expect(tries).toBeLessThanOrEqual(most)
    }
  })

  it('not before its own time; not at all without a timeout', () => {
    const eta = '2030-01-01T00:00:00+00:00'
    const early = unknownPostponement({ ...message({}), eta }, { reason: 'r', timeout: 1000, now: 1 })
    expect(early).toEqual({ kind: 'early', notBefore: Date.parse(eta), headers: {} })
    expect(at({}, 0, 1)).toBeUndefined()
  })
})
