import { expect, test } from 'vitest'
import type { TaskEnd } from '../../../src/app/afterTask.ts'
import { until, useLab } from '../../app/lab.ts'

const lab = useLab('sqlite')
const module = new URL('./contextTasks.ts', import.meta.url).href

test('in threads: the request is known in retries and children, and to the hooks, also of a thread that died', async () => {
  const app = lab().app({ request: { baseUrl: 'https://shop.example' } })
  const ends: TaskEnd[] = []
  app.afterTask((end) => ends.push(end))
  const { app: tasks } = (await import('./contextTasks.ts')) as typeof import('./contextTasks.ts')
  for (const task of tasks.tasks.values())
    app.task(task.name, task.definition.run as () => unknown, { retry: { max: 1, delay: 1 } })
  await lab().work(app, { pool: 'threads', concurrency: 2, module })
  const header = { base_url: 'https://shop.example', path: '/orders', values: { tenant: 'acme' } }
  const options = { headers: { celeriac_context: header } }
  const parent = await (await app.send<string>('where', [true], options)).get()
  const seen = await app.result<Record<string, never>>(parent).get()
  expect(seen).toMatchObject({
    context: { path: '/orders', values: { tenant: 'acme' } },
    same: { path: '/orders' },
    url: 'https://shop.example/x',
  })
  expect(seen.thread).toBeGreaterThan(0)
  const dead = await app.send('die', [], { ...options, retry: { max: 0 } })
  await dead.get().catch(() => undefined)
  await until(() => ends.length === 3)
  expect(ends.map(({ task, state, request }) => [task, state, request?.values.tenant])).toEqual([
    ['where', 'SUCCESS', 'acme'],
    ['where', 'SUCCESS', 'acme'],
    ['die', 'FAILURE', 'acme'],
  ])
})
