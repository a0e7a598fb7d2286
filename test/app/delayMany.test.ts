import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { onEachStore, record, until } from './lab.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']

onEachStore((lab, kind) => {
  it('delayMany: in order, behind what was called before, each told', async () => {
    const app = lab().app()
    const told = record(app)
    const ran: number[] = []
    const task = app.task('task', (value: number) => ran.push(value))
    const first = task.delay(0)
    // RabbitMQ's solo worker needs some milliseconds for each.
    const count = kind === 'rabbitmq' ? 100 : 1500
    const handles = await task.delayMany(Array.from({ length: count }, (_, at) => [at + 1] as [number]))
    await first
    expect(new Set(handles.map(({ id }) => id)).size).toBe(count)
    expect(told.filter(({ name }) => name === 'task:after-publish')).toHaveLength(count + 1)
    await lab().work(app, { pool: 'solo' })
    await until(() => ran.length === count + 1)
    expect(ran).toEqual(Array.from({ length: count + 1 }, (_, at) => at))
  })

  it.runIf(kind === 'sqlite' || kind === 'redis')(
    'delayMany of up to 1000, killed in the middle: all of them or none',
    async () => {
      const app = lab().app()
      let before = 0
      for (let kill = 0; kill < 4; kill++) {
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
    },
  )
})
