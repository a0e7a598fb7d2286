import { once } from 'node:events'
import { expect, it } from 'vitest'
import { record, until, useLab } from '../app/lab.ts'
import { startProcess } from './modules/start.ts'
import { define } from './modules/tasks.ts'

const lab = useLab('sqlite')

it('a task whose worker is killed runs again elsewhere, after the lease', async () => {
  const app = define(lab().app({ lease: '1s' }))
  const child = await startProcess(lab())
  const handle = await app.send('stuck')
  const add = await app.send('add', [1, 2])
  await until(async () => (await handle.state()) === 'STUCK')
  expect(await add.get()).toBe(3)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await lab().work(app)
  expect(await handle.get()).toBe(process.pid)
  expect(await add.get()).toBe(3)
})

it('a task that blocks its event loop for longer than the lease keeps it: it is not run twice', async () => {
  const app = define(lab().app({ lease: '1s' }))
  const told = record(app)
  const child = await startProcess(lab())
  const handle = await app.send('block', [3000])
  await until(async () => (await handle.state()) === 'BLOCKING')
  await lab().work(app)
  expect(await handle.get()).toBe(child.pid)
  expect(told.map(({ name }) => name)).not.toContain('task:prerun')
})
