import { expect, test } from 'vitest'
import { project, run, runShared, send, start } from './harness.ts'

const TASKS = `
import { Celeriac, Reject } from 'celeriac'

export const app = new Celeriac({ name: 'shop' })
app.task('mail', (to) => {
  if (to === 'nowhere') throw new Reject('no address')
  return to
})
`

test('dead: list, show, edit, redrive and drop', async () => {
  const folder = project({ 'tasks.ts': TASKS })
  const worker = start(folder, ['worker', '-A', 'tasks.ts'])
  await worker.until(/ ready/)
  for (const id of ['one', 'two']) await send(folder, 'mail', ['nowhere'], { taskId: id })
  await worker.until(/two.*rejected|rejected.*two/)

  const listed = await run(folder, ['dead', 'list', '--reason', 'rejected'])
  expect([listed.code, listed.stdout.trim().split('\n').length]).toEqual([0, 2])
  expect(listed.stdout).toMatch(/^two +\d\d-\d\d \d\d:\d\d rejected +mail +Reject: no address\n/)
  const shown = await runShared(folder, ['dead', 'show', 'one'])
  expect(shown.stdout).toMatch(/queue: +celery\ndied: +\S+ +rejected on celeriac@.*: Reject: no address\nretries: +0\n/)
  expect(shown.stdout).toContain('args:       ["nowhere"]')
  expect(await runShared(folder, ['dead', 'show', 'none'])).toMatchObject({ code: 1, stdout: '' })
  expect(await runShared(folder, ['dead', 'redrive'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^celeriac: dead redrive: expected ids, or --task, .*, or --all\n$/),
  })
  expect(await runShared(folder, ['dead', 'redrive', '--all', '--dry-run'])).toMatchObject({
    stdout: 'one\ntwo\n2 would be sent again\n',
  })
  expect((await runShared(folder, ['dead', 'edit', 'one', '--args', '["ann"]'])).stdout).toBe('one changed\n')
  expect((await runShared(folder, ['dead', 'redrive', 'one', '--rate', '50/s'])).stdout).toBe('1 sent again\n')
  expect((await runShared(folder, ['result', 'one', '--wait'])).stdout).toContain('SUCCESS')
  expect((await runShared(folder, ['dead', 'drop', '--task', 'mail', '--json'])).stdout).toContain('"two"')
  expect(await runShared(folder, ['dead', 'list'])).toMatchObject({ code: 0, stdout: '' })
})
