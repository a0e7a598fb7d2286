import { expect, it } from 'vitest'
import { project, run, start } from './harness.ts'

const APP = `
import { Celeriac } from 'celeriac'
export const app = new Celeriac()
export const add = app.task('add', (x, y) => x + y)
`
const OWN = `${APP}
export const http = app.http({ expose: [] })
http.get('/hello', (c) => c.text('hello'))
`

it.each([
  ['serve', '-A', 'tasks.ts'],
  ['serve', '-A', 'tasks.ts', '--workers', '2'],
  ['dev', 'tasks.ts', '--no-reload'],
])('%s %s %s serves what the module exports as http', async (...args) => {
  const server = start(project({ 'tasks.ts': OWN }), [...args, '--port', '0'])
  const at = /http:\/\/[\w.]+:\d+/
  await server.until(at)
  const base = at.exec(server.stdout)?.[0]
  expect(await (await fetch(`${base}/hello`)).text()).toBe('hello')
  expect((await fetch(`${base}/v1/tasks/add`, { method: 'POST', body: '[1, 2]' })).status).toBe(404)
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
})

it.each(['1', '{}', 'null'])('http = %s: one line, exit code 2', async (value) => {
  const folder = project({ 'tasks.ts': `${APP}\nexport const http = ${value}\n` })
  const { code, stderr } = await run(folder, ['serve', '-A', 'tasks.ts', '--port', '0'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/^celeriac: tasks\.ts: http: expected a Hono app, or another object with fetch, got \w+\n$/)
})
