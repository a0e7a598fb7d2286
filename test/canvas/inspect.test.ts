import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'

/* What `console.log` shows of a workflow: what was written, in a line. */

const app = new App({ broker: 'memory:' })
const add = app.task('add', (x: number, y: number) => x + y)
const text = app.task('text', (n: number) => `the sum is ${n}`)
const sum = app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0))

test('signatures and workflows, as they were written; long ones are cut', () => {
  const many = group(Array.from({ length: 100 }, (_, at) => add.s(at, 1)))
  for (const [workflow, shown] of [
    [add.s(1, 2), 'add.s(1, 2)'],
    [add.si(1, 2).set({ queue: 'slow' }).link(text.s()), 'add.si(1, 2)'],
    [chain(add.s(2, 2), add.s(4), text.s()), 'chain(add.s(2, 2), add.s(4), text.s())'],
    [
      chord([add.s(1, 1), chain(add.s(2, 2), add.s(1))], sum.s()),
      'chord([add.s(1, 1), chain(add.s(2, 2), add.s(1))], sum.s())',
    ],
    [many, 'group([add.s(0, 1), add.s(1, 1), add.s(2, 1), … 97 more])'],
    [text.map([1, 2, 3]), 'text.map(3 items)'],
    [app.signature('mail', ['x'.repeat(100)]), `mail.s("${'x'.repeat(39)}…)`],
    [app.signature('mail', [1], { kwargs: { to: 'ann', big: 5n } }), 'mail.s(1, { to: "ann", big: 5n })'],
    [app.signature({ task: 'celery.chain', kwargs: { tasks: [5] } } as never), 'celery.chain'],
  ] as const)
    expect(inspect(workflow)).toBe(shown)
  expect(inspect({ workflow: [add.s(1, 2)] })).toBe('{ workflow: [ add.s(1, 2) ] }')
})

test('the result of a group: its id and its size', async () => {
  const sent = await group([add.s(1, 1), group([add.s(2, 2), add.s(3, 3)])]).delay()
  expect(inspect(sent)).toBe(`GroupResult ${sent.id} (3 tasks)`)
  await app.close()
})
