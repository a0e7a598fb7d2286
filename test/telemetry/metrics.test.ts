import { expect, it } from 'vitest'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import { onEachStore, until } from '../app/lab.ts'

onEachStore(
  (lab, kind) => {
    it('says since when messages wait, what is dead or delayed, and how long tasks have waited', async () => {
      const app = lab().app()
      const metrics = metricsOf(app)
      const add = app.task('add', (x: number) => x)
      await add.delay(1)
      await add.applyAsync([2], { countdown: '1h' })
      await app.send('unknown')
      const before = await metrics.text()
      const knows = kind !== 'rabbitmq'
      // As Celery's, a message with an eta lies in its queue on Redis.
      expect(before.includes(`celeriac_delayed_messages ${kind === 'redis' ? 0 : 1}\n`)).toBe(knows)
      expect(before.includes('celeriac_queue_oldest_age_seconds{queue="celery"}')).toBe(knows)
      await lab().work(app)
      await until(async () => (await metrics.text()).includes('celeriac_queue_dead_letters{queue="celery"} 1\n'))
      await until(async () => (await metrics.text()).includes('celeriac_task_queue_wait_seconds_count{task="add"} 1\n'))
      expect(await metrics.text()).toContain('celeriac_queue_oldest_age_seconds{queue="celery"} 0\n')
    })
  },
  { memory: false },
)
