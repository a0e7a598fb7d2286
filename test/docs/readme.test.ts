import { expect, it } from 'vitest'
import { run } from '../cli/harness.ts'
import { curl, Document } from './document.ts'
import { celeriac, folderWith, node, serve, typeErrors } from './reader.ts'

it('README: its example, its commands, its call', async () => {
  const readme = new Document('README.md')
  const [tasks = '', call = ''] = readme.code('ts')
  const folder = folderWith({ 'tasks.ts': tasks, 'call.ts': call })
  const types = typeErrors(folder, ['call.ts'])
  const { base, server } = await serve(folder, readme.take('npx celeriac dev'))
  const add = readme.take('npx celeriac call')
  expect(await run(folder, celeriac(add))).toMatchObject({ code: 0, stdout: `${add.comment}\n` })
  const response = await curl(readme.take('curl'), base)
  expect(response.status).toBe(202)
  const printed = (await node(folder, 'call.ts')).trimEnd().split('\n')
  expect(printed.at(-1)).toBe('5 pages')
  expect(printed).toContainEqual(expect.stringMatching(/^PROGRESS \{ page: \d, pages: 5 \}$/))
  // Handed in earlier, at the same speed.
  const job = await fetch(base + response.headers.get('location'))
  expect(await job.json()).toMatchObject({ task: 'report', state: 'SUCCESS' })
  expect(await types).toEqual([])
  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  // `npm start` has tests of its own, `npm test` runs this one, and readme.full.test.ts runs the installation.
  const rest = readme.rest.map((line) => line.replace(/ +#.*/, ''))
  expect(rest).toEqual(['npm start', 'npm test', expect.stringMatching(/^npm init -y && .*npm install celeriac zod$/)])
})
