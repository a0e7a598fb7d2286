import { expect, test } from 'vitest'
import { useLab } from '../../app/lab.ts'
import { eventually } from '../../wait.ts'
import { type Ended, project, run } from '../harness.ts'

const TASKS = `
import { Celeriac } from 'celeriac'
export const app = new Celeriac({ name: 'shop', resultExpires: '2d', context: undefined })
app.task('shop.add', () => 1)
`

const lab = useLab('sqlite')

test('report: versions, settings without secrets, tasks, and what workers say of themselves', async () => {
  await lab().work(lab().app(), { hostname: 'w@test' })
  const folder = project({ 'tasks.ts': TASKS })
  const args = ['report', '-A', 'tasks.ts', '-b', lab().url, '--result-backend', 'redis://me:hunter2@127.0.0.1:1/0']
  // A worker that is slow to answer is not in it.
  const full = (words: readonly string[]): Promise<Ended> =>
    eventually(
      () => run(folder, words),
      ({ stdout }) => stdout.includes('inline:100'),
    )
  const [text, json] = await Promise.all([full(args), full([...args, '--json'])])
  expect(text).toMatchObject({ code: 0, stderr: '' })
  expect(text.stdout).toMatch(/^software -> celeriac:\d+\.\d+\.\d+ node:\d+/)
  expect(text.stdout).toContain('result_expires: 172800')
  expect(text.stdout).toContain('result_backend: "redis://me:**@127.0.0.1:1/0"')
  expect(text.stdout).toContain('tasks: shop.add')
  expect(text.stdout + json.stdout).not.toContain('hunter2')
  expect(JSON.parse(json.stdout)).toMatchObject({
    software: { node: process.versions.node },
    settings: { main: 'shop', broker_url: lab().url },
    tasks: ['shop.add'],
    workers: { 'w@test': expect.stringMatching(/^software -> celeriac:[\s\S]*inline:100/) },
  })
})
