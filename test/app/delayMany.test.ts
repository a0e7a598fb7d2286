import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { onAllStores, record, until } from './lab.ts'
import { storesOf } from './stores.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']

onAllStores((lab, kind) => {
  it('delayMany: in order, behind what was called before, each told', async () => {
    const app = lab().app()
    const told = record(app)
    const task = app.task('task', (_: number) => undefined)
    const calling = task.delay(0)
    const handles = await task.delayMany(Array.from({ length: 1500 }, (_, at) => [at + 1] as [number]))
    const ids = [await calling, ...handles].map(({ id }) => id)
    expect(new Set(ids).size).toBe(1501)
    expect(told.filter(({ name }) => name === 'task:after-publish')).toHaveLength(1501)
    const { broker } = await storesOf(app)
    const consumer = await broker.consume([{ name: 'celery' }], { prefetch: 2000, name: 'test' })
    const found: unknown[] = []
    for await (const delivery of consumer) {
      found.push(delivery.envelope.headers.id)
      if (found.length === ids.length) break
    }
    await consumer.release()
    expect(found).toEqual(ids)
  })

  // Elsewhere each is sent by itself.
  if (kind !== 'sqlite' && kind !== 'redis') return
  it('delayMany of up to 1000, killed in the middle: all of them or none', async () => {
    const app = lab().app()
    let before = 0
    for (let kill = 0; kill < 2; kill++) {
      const path = fileURLToPath(new URL('modules/sendMany.ts', import.meta.url))
      const child = fork(path, [lab().url], { execArgv: FLAGS })
      const ended = once(child, 'exit')
      await once(child, 'message')
      await until(async () => (await app.queueSize()) > before)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40))
      child.kill('SIGKILL')
      await ended
      before = await app.queueSize()
      expect(before % 999).toBe(0)
    }
  })
})
