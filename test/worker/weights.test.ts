import { expect, it } from 'vitest'
import { onEachStore } from '../app/lab.ts'

onEachStore((lab, kind) => {
  it('a worker takes from its queues by their weights, where its store serves them in turn', async () => {
    const app = lab().app()
    const seen: string[] = []
    const task = app.task('seen', (queue: string) => {
      seen.push(queue)
    })
    const send = (queue: string) => Promise.all(Array.from({ length: 40 }, () => task.applyAsync([queue], { queue })))
    const handles = [...(await send('slow')), ...(await send('fast'))]
    const options = { queues: { slow: 1, fast: 3 }, concurrency: 1, disablePrefetch: true }
    if (kind === 'rabbitmq') {
      await expect(lab().work(app, options)).rejects.toThrow(
        /^queues: expected no weights on amqp.*, got slow 1, fast 3$/,
      )
      await lab().work(app, { ...options, queues: { slow: 2, fast: 2 } })
    } else {
      const worker = await lab().work(app, options)
      expect(worker.queues).toEqual(['slow', 'fast'])
    }
    for (const handle of handles) await handle.get({ timeout: '20s' })
    const fast = seen.slice(0, 40).filter((queue) => queue === 'fast').length
    if (kind !== 'rabbitmq') expect(fast).toBeGreaterThanOrEqual(27)
    expect(fast).toBeLessThanOrEqual(kind === 'rabbitmq' ? 40 : 33)
  })
})
