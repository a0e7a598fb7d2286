import { expect, test } from 'vitest'
import { commandFirst } from '../../src/cli/order.ts'
import { project, run, runShared } from './harness.ts'

test.each([
  ['worker -A tasks', 'worker -A tasks'],
  ['-A tasks worker', 'worker -A tasks'],
  ['-Atasks worker -c 4', 'worker -c 4 -Atasks'],
  ['--app=tasks -b redis: -l info worker', 'worker --app=tasks -b redis: -l info'],
  ['-A tasks call add --wait', 'call add --wait -A tasks'],
  ['-A tasks call add -- -1 2', 'call add -A tasks -- -1 2'],
  ['-A tasks schedule list --json', 'schedule list --json -A tasks'],
  ['--version', '--version'],
  ['-A tasks', '-A tasks'],
  ['-A', '-A'],
  ['-A tasks --help', '-A tasks --help'],
  ['--nonsense worker', '--nonsense worker'],
  ['', ''],
])('%s', (given, expected) => {
  expect(commandFirst(given.split(' ').filter((word) => word !== '')).join(' ')).toBe(expected)
})

test("Celery's order, and module:name, work on the command line", async () => {
  const folder = project()
  const status = await run(folder, ['-A', 'tasks:app', 'status'])
  expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('waiting:   celery 0, reports 0') })
  const wrong = await runShared(folder, ['-A', 'tasks:shop', 'status'])
  expect(wrong).toMatchObject({
    code: 2,
    stderr: 'celeriac: task module tasks:shop: expected its export shop to be an app, got no such export among app\n',
  })
})
