import { describe, expect, test } from 'vitest'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { stamped } from '../../src/protocol/stamps.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { until, useLab } from '../app/lab.ts'

/* Stamps of Celery 5.3. The forms are written from its source, not recorded: the Celery of these tests is 5.2. */

const lab = useLab('sqlite')

function start() {
  const app = lab().app()
  const seen = new Map<string, unknown>()
  const note = (name: string): void => void seen.set(name, currentTask()?.stamps)
  return {
    app,
    seen,
    step: app.task('step', (n: number, name: string) => {
      note(name)
      return n
    }),
    all: app.task('all', (list: readonly number[], name: string) => {
      note(name)
      return list.length
    }),
    boom: app.task('boom', (name: string): number => {
      note(name)
      throw new RangeError('no')
    }),
  }
}

test('each task of a workflow has them, those that follow later and links too', async () => {
  const { app, seen, step, all, boom } = start()
  await lab().work(app)
  const failing = boom.s('boom').linkError(step.si(0, 'errback'))
  const flow = chain(
    step.s(1, 'first').link(step.s('link').link(step.s('deep'))),
    group([
      step
        .s('a')
        .set({ stamps: { order: 'own' } })
        .set({ stamps: { step: 2 } }),
      step.s('b'),
    ]),
    all.s('body'),
  )
  const stamps = { order: 'A-17', more: [1, 2] }
  await flow.applyAsync([], { stamps, link: step.s('end') }).get({ timeout: '60s' })
  await expect(failing.applyAsync([], { stamps }).get({ timeout: '60s' })).rejects.toThrow('no')
  const names = ['first', 'link', 'deep', 'a', 'b', 'body', 'end', 'boom', 'errback']
  await until(() => names.every((name) => seen.has(name)))
  for (const name of names.filter((one) => one !== 'a')) expect([name, seen.get(name)]).toEqual([name, stamps])
  expect(seen.get('a')).toEqual({ order: 'own', step: 2, more: [1, 2] })
})

test('a call has them, and its links', async () => {
  const { app, seen, step } = start()
  await lab().work(app)
  await step.applyAsync([1, 'call'], { stamps: { order: 1 }, link: step.s('link') }).get({ timeout: '60s' })
  await until(() => seen.has('link'))
  expect([...seen]).toEqual([
    ['call', { order: 1 }],
    ['link', { order: 1 }],
  ])
})

describe('the form of a signature', () => {
  test('names in `stamped_headers`, each value as an option; a canvas has them in its members', () => {
    const { step, all } = start()
    const { kwargs } = stamped(chord([step.s(1, 'a')], all.s('b')).toJSON(), { order: 1 })
    const options = { stamped_headers: ['order'], order: 1 }
    expect(kwargs).toMatchObject({ header: [{ options }], body: { options } })
  })

  test('they are among the headers, too, which Celery 5.2 passes on; other headers stay', () => {
    const { step, all } = start()
    const one = step.s(1, 'a').set({ headers: { mine: 1 }, stamps: { order: 1 } })
    const { headers } = one
      .set({ headers: { more: 2 } })
      .set({ stamps: { order: 2, line: 3 } })
      .toJSON().options
    expect(headers).toEqual({
      mine: 1,
      more: 2,
      stamped_headers: ['order', 'line'],
      stamps: { order: 2, line: 3 },
    })
    const flow = stamped(chord([one], all.s('b')).toJSON(), { order: 9, whole: 4 })
    expect(flow.kwargs.header).toMatchObject([{ options: { headers: { mine: 1, stamps: { order: 1, whole: 4 } } } }])
  })

  test('a name that is an option or a field, and a value that cannot be sent, are refused', async () => {
    const { step } = start()
    expect(() => step.s(1, 'a').set({ stamps: { queue: 'x' } })).toThrow(ArgumentError)
    expect(() => step.s(1, 'a').applyAsync([], { stamps: { status: 'x' } })).toThrow(/got "status"/)
    expect(() => step.s(1, 'a').set({ stamps: { f: () => 1 } })).toThrow(/^stamps/)
  })
})
