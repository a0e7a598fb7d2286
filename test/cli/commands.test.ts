import { expect, test } from 'vitest'
import { project, run, runShared } from './harness.ts'

test.each<[args: string[], input?: string]>([
  [['status', '-A', 'tasks.ts']],
  [['result', 'none', '--json']],
  [['purge'], 'yes\n'],
  [['call', 'add', 'foo', '-A', 'tasks.ts']],
  [['shell', '-A', 'tasks.ts'], '1 + 1\nconsole.log(process.argv.length)\n.exit\n3 + 3\n'],
])('a command ends as in a process of its own, after others: %j', async (args, input) => {
  const folder = project()
  const alone = await run(folder, args, { input })
  expect(await runShared(folder, args, { input })).toEqual(alone)
  expect(await runShared(folder, args, { input })).toEqual(alone)
})

test('a command that is ended by its exit leaves nothing to the next one', async () => {
  const source = `import { App } from 'celeriac'\nexport const app = new App()\nsetTimeout(() => console.log('late'), 50)\n`
  const ends = 'setInterval(() => undefined, 1000)\nprocess.exitCode = 3\n'
  const folder = project({
    'tasks.ts': source,
    'ends.ts': `${ends}process.exit()\n`,
    'fails.ts': 'await new Promise(() => 0)\n',
  })
  expect(await runShared(folder, ['call', 'add', '-A', 'ends.ts'])).toEqual({ code: 3, stdout: '', stderr: '' })
  expect((await runShared(folder, ['call', 'add', '-A', 'fails.ts'])).code).toBe(13)
  expect(await runShared(folder, ['purge', '-A', 'tasks.ts', '-f'])).toMatchObject({ code: 0, stdout: /late\n$/ })
})
