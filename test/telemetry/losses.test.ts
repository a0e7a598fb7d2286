import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { Signals } from '../../src/app/signals.ts'
import { every } from '../../src/beat/when/every.ts'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import type { PoolKind } from '../../src/worker/worker.ts'
import { useLab } from '../app/lab.ts'
import { Scene } from '../beat/scene.ts'
import { Exposition } from '../http/exposition.ts'
import { defineDying } from './modules/dying.ts'

/* What an on-call engineer sees when something has died, or is late; of a lost worker: test/worker/redelivered.test.ts. */

const seen = async (app: App): Promise<Exposition> => new Exposition(await metricsOf(app).text())

describe('on sqlite', () => {
  const lab = useLab('sqlite')

  it.each<PoolKind>(['threads', 'processes'])(
    '%s: a child that dies is counted, one that is ended is not',
    async (pool) => {
      const app = defineDying(lab().app())
      const lost: Signals['task:child-lost'][] = []
      app.on('task:child-lost', (event) => lost.push(event))
      await seen(app)
      const module = new URL('./modules/dying.ts', import.meta.url).href
      await lab().work(app, { module, pool, concurrency: 1, maxChildLosses: 3 })
      const dies = await app.send('dies')
      await expect(dies.get({ timeout: '20s' })).rejects.toThrow('ended by itself')
      await expect((await app.send('spins')).get({ timeout: '20s' })).rejects.toThrow('the time limit is over')
      const last = await seen(app)
      expect(lost).toMatchObject([1, 2, 3].map(() => ({ id: dies.id, task: 'dies', queue: 'celery' })))
      expect(last.value('celeriac_children_lost_total', { task: 'dies' })).toBe(3)
      expect(last.value('celeriac_children_lost_total', { task: 'spins' })).toBe(0)
      expect(last.value('celeriac_tasks_total', { task: 'spins', state: 'FAILURE' })).toBe(1)
      expect(last.value('celeriac_tasks_running')).toBe(0)
    },
  )

  it('beat: how late each run was sent', async () => {
    const scene = new Scene(lab())
    const count = async (): Promise<number | undefined> =>
      (await seen(scene.app)).value('celeriac_beat_lateness_seconds_count')
    expect(await count()).toBeUndefined()
    scene.schedules.define('ticks', every('10s'), 'work', { missed: { all: 5 } })
    await scene.beat()
    expect(await count()).toBe(0)
    await scene.pass(10_000)
    await scene.pass(27_000)
    expect(scene.moments()).toEqual([10, 20, 30])
    const last = await seen(scene.app)
    // On time, 17 s, and 7 s.
    const atMost = (le: string) => last.value('celeriac_beat_lateness_seconds_bucket', { le })
    expect([atMost('0.01'), atMost('15'), atMost('60')]).toEqual([1, 2, 3])
    expect(last.value('celeriac_beat_lateness_seconds_sum')).toBe(24)
  })
})
