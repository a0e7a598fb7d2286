import { expect, it } from 'vitest'
import { chain, group } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/celeriac.ts'
import { testApp } from '../../src/testing/app/testApp.ts'

it('testApp lists each member of a workflow, and runs it by its clock', async () => {
  const app = new Celeriac({ logger: false })
  const add = app.task('add', (x: number, y: number) => x + y)
  await using t = await testApp(app)
  const workflow = chain(add.s(1, 2), group([add.s(10).set({ headers: { tenant: 'a' } }), add.s(20)]))
  const handle = await workflow.applyAsync([], { countdown: '1h' })
  expect(t.sent(add)).toMatchObject([{ args: [1, 2], state: 'PENDING', options: { countdown: 3_600_000 } }])
  await t.advance('1h')
  expect(await handle.join()).toEqual([13, 23])
  expect(t.sent(add)).toMatchObject([
    { args: [1, 2], state: 'SUCCESS' },
    { args: [3, 10], state: 'SUCCESS', headers: { tenant: 'a' } },
    { args: [3, 20], state: 'SUCCESS' },
  ])
})
