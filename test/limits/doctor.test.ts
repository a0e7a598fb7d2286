import { expect, test } from 'vitest'
import { findingsOf } from '../../src/doctor/checks.ts'
import { diagnose } from '../../src/doctor/diagnosis.ts'
import { JOB_LIMIT_CHECKS, LIMIT_CHECKS, limitsOfJob, limitsOfStore } from '../../src/doctor/limits.ts'
import { until } from '../app/lab.ts'
import { limitedApp, onTwoLimitedStores } from './fixture.ts'

onTwoLimitedStores((lab, kind) => {
  const named = (found: readonly { check: string; text: string }[]): Readonly<Record<string, string>> =>
    Object.fromEntries(found.map(({ check, text }) => [check, text]))
  /** Without asking the workers, whose answers take a second. */
  const findings = async (id?: string): Promise<Readonly<Record<string, string>>> => {
    if (id === undefined) return named(findingsOf(LIMIT_CHECKS, { limits: await limitsOfStore(app), now: Date.now() }))
    const { task, queue } = (await app.result(id).info()) ?? {}
    const message = await app.message(id, queue)
    return named(findingsOf(JOB_LIMIT_CHECKS, { limits: await limitsOfJob(app, { task, message }) }))
  }
  let app: ReturnType<ReturnType<typeof lab>['app']>

  // RabbitMQ cannot find the message of a job without limits.
  if (kind !== 'rabbitmq')
    test('why a job waits: what is paused, an open breaker, what is held, until when, a limit that nothing defines', async () => {
      app = limitedApp(lab())
      app.limit('api', { breaker: { failures: 1, within: '1m', pause: '1h' } })
      app.limit('slow', { rate: '1/h' })
      const ends: (() => void)[] = []
      const work = app.task('work', (_: string) => new Promise<void>((resolve) => ends.push(resolve)), {
        concurrency: { limit: 1, key: (key: string) => key },
      })
      const plain = app.task('plain', () => undefined, { queue: 'other' })
      const broken = app.task('broken', () => Promise.reject(new Error('down')), { uses: 'api' })
      const rare = app.task('rare', () => undefined, { uses: 'slow' })
      await lab().work(app, { concurrency: 4 })

      await work.delay('a')
      await until(() => ends.length === 1)
      const next = await work.delay('a')
      expect((await findings(next.id)).limited).toBe(
        'it waits for its limits: 1 of the 1 of task work, concurrency of a are held',
      )
      await app.limits.pause({ task: work, key: 'a' })
      expect((await findings(next.id)).paused).toBe(
        'task work, concurrency of a is paused (1 waiting): celeriac resume task work --key a',
      )
      await app.limits.pause({ queue: 'other' })
      const { paused, limited } = await findings((await plain.delay()).id)
      expect(paused).toMatch(/^queue other is paused.*: celeriac resume queue other$/)
      expect(limited).toBeUndefined()

      await (await broken.delay()).get({ timeout: '20s' }).catch(() => undefined)
      const behind = await broken.delay()
      await until(async () => (await app.limits.of({ limit: 'api' }))[0]?.breaker === 'open')
      expect((await findings(behind.id))['breaker-open']).toMatch(
        /^the breaker of limit api is open until \d{4}-\S+Z: /,
      )

      await (await rare.delay()).get({ timeout: '20s' })
      expect((await findings((await rare.delay()).id)).limited).toMatch(
        /^it waits for its limits: limit slow lets nothing begin until \d{4}-\S+Z$/,
      )

      expect((await findings())['held-back']).toBeUndefined()
      await app.limits.holdBack({ limit: 'slow' }, '2h')
      expect((await findings())['held-back']).toMatch(
        /^limit slow is held back until \d{4}-\S+Z: celeriac hold-back limit slow 0s ends that$/,
      )

      const headers = { celeriac_limits: '[["gone","",1]]' }
      const lost = await app.send('lost', [], { queue: 'nowhere', headers })
      expect((await findings(lost.id))['undefined-limit']).toMatch(
        /^it needs limit gone, which this store does not know/,
      )

      expect(named((await diagnose(app, next.id)).findings).paused).toContain('task work, concurrency of a')
      expect(named((await diagnose(app)).findings)).toMatchObject({
        paused: expect.stringMatching(/queue other is paused.*; task work, concurrency of a is paused/),
        'breaker-open': expect.stringContaining('limit api'),
      })
    })

  test('many wait for a limit and none is held', async () => {
    app = limitedApp(lab())
    app.limit('api', { concurrency: 2 })
    const work = app.task('work', () => undefined, { uses: 'api', queue: 'other' })
    await Promise.all(Array.from({ length: 10 }, () => work.delay()))
    expect((await findings())['limit-stuck']).toContain('10 wait for limit api, and none is held: no worker takes from')
    await app.limits.holdBack({ limit: 'api' }, '1h')
    expect((await findings())['limit-stuck']).toMatch(/10 wait for limit api, and none is held: nothing of it .* until/)
  })
})
