import { expect, it, vi } from 'vitest'
import { run, start } from '../cli/harness.ts'
import { curl, Document } from './document.ts'
import { celeriac, folderWith, node, serve, typeErrors } from './reader.ts'

// biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
async function eventually(ask: () => Promise<any>, holds: (value: any) => boolean): Promise<any> {
  for (;;) {
    const value = await ask()
    if (holds(value)) return value
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

// A dozen processes, one after the other.
vi.setConfig({ testTimeout: 60_000 })

it('tutorial: step by step', async () => {
  const tutorial = new Document('docs/tutorial.md')
  const [tasks = '', call = ''] = tutorial.code('ts')
  const mistake = `import { report } from './tasks.ts'\n// @ts-expect-error\nreport.delay({ pages: '5' })\n`
  const folder = folderWith({ 'tasks.ts': tasks, 'call.ts': call, 'mistake.ts': mistake })
  const types = typeErrors(folder, ['call.ts', 'mistake.ts'])

  const { base, server } = await serve(folder, tutorial.take('npx celeriac dev'))
  const posting = tutorial.take('curl -i')
  const response = await curl(posting, base)
  expect([response.status, response.headers.get('location')]).toEqual([202, expect.stringMatching(/^\/v1\/jobs\/./)])
  const id = { '<id>': response.headers.get('location')?.split('/').at(-1) ?? '' }
  const [asking, fetching] = [tutorial.take('curl'), tutorial.take('curl')]
  const ask = async (): Promise<unknown> => (await curl(asking, base, id)).json()
  const calling = run(folder, celeriac(tutorial.take('npx celeriac call')))
  const printing = node(folder, tutorial.take('node').words[1] ?? '')
  const { progress } = await eventually(ask, (job) => job.progress != null)
  expect(progress).toEqual({ page: expect.any(Number), pages: 10 })
  const wrong = posting.words.map((word) => word.replace('10', '0'))
  const refused = await curl({ ...posting, words: wrong }, base)
  expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining('pages')])
  expect((await curl(asking, base, { '<id>': 'nobody' })).status).toBe(404)

  expect(await printing).toMatch(/^(page \d of 5\n)+a report of 5 pages\n$/)
  expect(await calling).toMatchObject({ code: 0, stdout: '"a report of 10 pages"\n' })
  await eventually(ask, (job) => job.state === 'SUCCESS')
  expect(await (await curl(fetching, base, id)).json()).toBe('a report of 10 pages')

  // Its end is shown by the chaos tests; here, that the commands are right.
  const long = await run(folder, celeriac(tutorial.take('npx celeriac call')))
  expect(long).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\S{36}\n$/) })
  expect((await run(folder, ['revoke', long.stdout.trim()])).code).toBe(0)
  server.child.kill('SIGTERM')
  await server.ended

  const production = await serve(folder, tutorial.take('npx celeriac serve'))
  const worker = start(folder, celeriac(tutorial.take('npx celeriac worker')))
  await worker.until(/ ready/)
  const short = posting.words.map((word) => word.replace('10', '1'))
  const accepted = await curl({ ...posting, words: short }, production.base)
  const done = async (): Promise<unknown> => (await fetch(production.base + accepted.headers.get('location'))).json()
  expect(await eventually(done, (job) => job.state === 'SUCCESS')).toMatchObject({ task: 'report' })
  expect(await types).toEqual([])
  const left = tutorial.rest.map((line) => line.split(' ').slice(0, 2).join(' '))
  expect(left).toEqual(['mkdir reports', 'npm init', 'npm install', 'pkill -9', 'npx celeriac'])
})
