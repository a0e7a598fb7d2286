import { expect, test } from 'vitest'
import { project, run, startWorker } from './harness.ts'

test('lines from a pipe, one after the other, with await and every name in scope', async () => {
  const folder = project()
  await startWorker(folder)
  const lines = [
    't = await add.delay(2, 3)',
    'await t.get()',
    'await t.state()',
    'const two = await add.delay(',
    '  1, 1).get()',
    'two + 1',
    '',
    'add(20, 22)',
    'render === tasks["reports.render"]',
    'app.config.name',
    'typeof Fatal',
    'await boom.delay().get()',
    "'the end'",
  ]
  const { code, stdout, stderr } = await run(folder, ['shell', '-A', 'tasks.ts'], { input: lines.join('\n') })
  const [handle, ...rest] = stdout.trim().split('\n')
  expect(handle).toMatch(/^AsyncResult .*id: '[0-9a-f-]{36}'/)
  expect(rest.slice(0, 7)).toEqual(['5', "'SUCCESS'", '3', '42', 'true', "'shop'", "'function'"])
  expect(rest.join('\n')).toMatch(/Uncaught[\s\S]*TaskError: no such thing/)
  expect(rest.at(-1)).toBe("'the end'")
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('.exit ends it before the input does', async () => {
  const { code, stdout } = await run(project(), ['shell', '-A', 'tasks.ts'], { input: '1 + 1\n.exit\n3 + 3\n' })
  expect({ code, stdout }).toEqual({ code: 0, stdout: '2\n' })
})
