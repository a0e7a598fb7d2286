import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { type Chain, chain, chord, group } from '../../src/calls/workflow.ts'
import { checkWorkflow } from '../../src/canvas/check.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'

/*
 * What no workflow can be made of: one clear error each, before anything is sent.
 */

function tasksOf(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0)),
    note: app.task('note', (value: unknown, word: string) => `${value} ${word}`),
    render: app.task({
      name: 'render',
      input: z.object({ page: z.number(), title: z.string() }),
      params: ['page', 'title'],
      run: ({ page, title }) => `${title} ${page}`,
    }),
  }
}

type Tasks = ReturnType<typeof tasksOf>
type Case = (tasks: Tasks, other: Tasks, app: App) => unknown

const wrong = (value: unknown): never => value as never
const bad = (): unknown => undefined
/** A task call as data. */
const call = (task: string, fields: Partial<Record<keyof SignatureData, unknown>> = {}): object => ({ task, ...fields })
const canvas = (kind: string, kwargs: object): object => call(`celery.${kind}`, { subtask_type: kind, kwargs })
const sent =
  (data: unknown): Case =>
  (_, __, app) =>
    app.signature(wrong(data)).delay()

const MEMBERS: Readonly<Record<string, [Case, string]>> = {
  'a chain of nothing': [
    () => (chain as unknown as () => Chain<number, never, true, unknown>)().delay(),
    'celery.chain: expected at least one task, got none',
  ],
  'a group of nothing, without an app': [() => group([]).delay(), 'celery.group: expected at least one task, got none'],
  'a group of undefined': [
    () => group(wrong(undefined)),
    'group: expected a list or an object of signatures, got undefined',
  ],
  'a group of a signature': [
    ({ add }) => group(wrong(add.s(1, 2))),
    'group: expected a list or an object of signatures, got a workflow itself: add',
  ],
  'a number': [({ add }) => group([add.s(1, 2), wrong(7)]), 'group[1]: expected a signature, as task.s(…), got 7'],
  'a number, by name': [({ add }) => group({ a: add.s(1, 2), b: wrong(7) }), 'group.b: expected a signature'],
  'a hole in a list': [() => group(wrong(new Array(1))), 'group[0]: expected a signature, as task.s(…), got undefined'],
  'a promise': [
    ({ add }) => chain(add.s(1, 2), wrong(Promise.resolve(add.s(1)))),
    'chain[1]: expected a signature, as task.s(…), got a promise',
  ],
  'a function': [
    ({ add }) => chain(add.s(1, 2), wrong(bad)),
    'chain[1]: expected a signature, as task.s(…), got a function',
  ],
  'a task': [
    ({ add }) => chain(add.s(1, 2), wrong(add)),
    'chain[1]: expected a signature, as task.s(…), got the task add itself: write its arguments, as add.s(…)',
  ],
  'a call that is sent': [
    (_, { add }) => group([wrong(add.delay(1, 2))]),
    'group[0]: expected a signature, as task.s(…), got a call that is sent already',
  ],
  'a chord without a body': [
    ({ add }) => chord([add.s(1, 2)], wrong(undefined)),
    'chord: body: expected a signature, as task.s(…), got undefined',
  ],
  'a chord without a header': [
    ({ sum }) => chord(wrong(undefined), sum.s()),
    'chord: header: expected a signature, as task.s(…), got undefined',
  ],
  'a chord with a bad header': [
    ({ sum }) => chord([wrong(null)], wrong(sum.s())),
    'chord: header[0]: expected a signature, as task.s(…), got null',
  ],
  'a link that is none': [
    ({ add }) => add.s(1, 2).link(wrong('note')),
    'link: expected a signature, as task.s(…), got "note"',
  ],
  'another app in a chain': [
    ({ add }, other) => chain(add.s(1, 2), other.add.s(3)),
    'chain[1]: expected a task of the app of those before it, got one of another app',
  ],
  'another app in a named group': [
    ({ add }, other) => group({ a: add.s(1, 2), b: other.add.s(3, 4) }),
    'group.b: expected a task of the app',
  ],
  'another app in a body': [
    ({ add }, other) => chord([add.s(1, 2)], other.sum.s()),
    'chord[1]: expected a task of the app',
  ],
  'another app in a link': [
    ({ add }, other) => add.s(1, 2).link(other.add.s(3)),
    'link: expected a task of the same app',
  ],
  'a group with names in a group with names': [
    ({ add }) => group({ a: group({ b: add.s(1, 2) }) }),
    'group: a: expected no group in a group with names',
  ],
  '100,001 members': [
    ({ sum }) => group(Array.from({ length: 100_001 }, () => sum.s([]))).delay(),
    'expected at most 100000 tasks in one workflow',
  ],
  '100,001 members of a header': [
    ({ sum }) => chord(Array.from({ length: 100_001 }, () => sum.s([])) as never, sum.s()).delay(),
    'expected at most 100000 tasks in one workflow',
  ],
  'an id for two': [
    ({ add }) => group([add.s(1, 2).set({ taskId: 'x' }), add.s(3, 4).set({ taskId: 'x' })]).delay(),
    'add: expected an id of its own for each task and header, got x twice',
  ],
  'the id of a step for the whole': [
    ({ add }) => chain(add.s(1, 2).set({ taskId: 'x' }), add.s(3)).applyAsync([], { taskId: 'x' }),
    'add: expected an id of its own for each task and header, got x twice',
  ],
}

const ARGUMENTS: Readonly<Record<string, [Case, string]>> = {
  'a function in a member': [
    ({ add, note }) => chain(add.s(1, 2), group([note.s('a'), note.si(bad, 'b')])).delay(),
    'chain[1].group[1].note: args[0]: functions cannot be sent',
  ],
  'a function in a link': [
    ({ add, note }) => add.s(1, 2).link(note.si(bad, 'b')).delay(),
    'add.link[0].note: args[0]: functions cannot be sent',
  ],
  'a circle': [
    ({ note }) => {
      const circle: unknown[] = []
      circle.push(circle)
      return group([note.s(circle, 'a')]).delay()
    },
    'group[0].note: args[0][0]: ',
  ],
  'a symbol in an errback of a body': [
    ({ add, sum, note }) => chord([add.s(1, 2)], sum.s().linkError(note.s(wrong(Symbol('s'))))).delay(),
    'chord.body.sum.linkError[0].note: args[0]: ',
  ],
  'what does not fit': [({ render }) => render.s(wrong({ page: 'one', title: 'a' })).delay(), 'render'],
}

const OPTIONS: Readonly<Record<string, [Case, string]>> = {
  'unknown, of the whole': [({ add }) => add.s(1, 2).applyAsync([], wrong({ quue: 'x' })), 'add: unknown option quue'],
  'unknown, of a signature': [
    ({ add }) => add.s(1, 2).set(wrong({ tags: ['x'] })),
    'signature of add: unknown option tags',
  ],
  'a priority': [({ add }) => add.s(1, 2).set({ priority: 900 }), 'priority'],
  'a link of a group': [
    ({ add, note }) => group([add.s(1, 2)]).applyAsync([], { link: note.s('x') }),
    'a group has no end of its own',
  ],
  'a queue in a later step': [
    sent(
      canvas('chain', { tasks: [call('add', { args: [1, 2] }), call('add', { args: [1], options: { queue: 7 } })] }),
    ),
    'chain[1].add: signature option queue: expected text, got 7',
  ],
  'a countdown in a link': [
    sent(call('add', { args: [1, 2], options: { link: [call('note', { options: { countdown: 'soon' } })] } })),
    'add.link[0].note: signature option countdown: expected a number, got "soon"',
  ],
  'an eta': [sent(call('add', { args: [1, 2], options: { eta: 'tomorrow' } })), 'add: '],
}

const DOCUMENTS: Readonly<Record<string, [Case, string]>> = {
  'a number': [sent(7), 'signature: expected a signature object, got number'],
  undefined: [sent(undefined), 'signature: expected a signature object, got undefined'],
  'an array': [sent([]), 'signature: expected a signature object, got an array'],
  'no name': [sent({}), 'signature.task: expected a task name'],
  'a number as name': [sent({ task: 7 }), 'signature.task: expected a task name'],
  'an empty name': [(_, __, app) => app.signature(''), 'signature: expected a task name, got an empty text'],
  'args that are no list': [sent(call('add', { args: {} })), 'signature.args: expected an array, got object'],
  'kwargs that are a list': [sent(call('add', { kwargs: [] })), 'signature.kwargs: expected an object, got an array'],
  'options that are text': [sent(call('add', { options: 'x' })), 'signature.options: expected an object, got string'],
  'a step that is none': [
    sent(canvas('chain', { tasks: [call('add', { args: [1, 2] }), 7] })),
    'chain.tasks[1]: expected a signature object, got number',
  ],
  'tasks that are none': [
    sent(canvas('group', { tasks: 7 })),
    'group.tasks[0]: expected a signature object, got number',
  ],
  'a chord without a body, as data': [
    sent(canvas('chord', { header: [call('add', { args: [1, 2] })] })),
    'chord.body: expected a signature object, got undefined',
  ],
  'a chord without a header, as data': [
    sent(canvas('chord', { body: call('sum') })),
    'chord.header[0]: expected a signature object, got undefined',
  ],
  'a body with args that are none': [
    sent(canvas('chord', { header: [], body: call('sum', { args: 1 }) })),
    'chord.body.args: expected an array, got number',
  ],
  'a kind that is none': [
    sent(canvas('circle', { tasks: [] })),
    'celery.circle: expected a task, a chain, a group or a chord, got a circle',
  ],
  'the rest of a chain that is none': [
    sent(call('add', { args: [1, 2], options: { chain: [1] } })),
    'add.options.chain[0]: expected a signature object, got number',
  ],
  'a body in the options that is none': [
    sent(call('add', { args: [1, 2], options: { group_id: 'g', chord: 7 } })),
    'add: options.chord: expected a signature object, got number',
  ],
  'a circle of chains': [sent(circle()), 'a workflow cannot be a part of itself'],
  'a circle of links': [sent(circleOfLinks()), 'a workflow cannot be a part of itself'],
  'groups of groups, each many times': [sent(deep()), 'expected at most 400000 signatures in one workflow, got more'],
}

function circle(): object {
  const tasks: object[] = [call('add', { args: [1, 2] })]
  const all = canvas('chain', { tasks })
  tasks.push(all)
  return all
}

function circleOfLinks(): object {
  const link: object[] = []
  const all = call('add', { args: [1, 2], kwargs: {}, options: { link } })
  link.push(all)
  return all
}

/** It has no task, and more groups than could be counted. */
function deep(): object {
  let inner = canvas('group', { tasks: [] })
  for (let level = 0; level < 15; level++) inner = canvas('group', { tasks: Array(1000).fill(inner) })
  return inner
}

const app = new App({ broker: 'memory:', logger: createLogger('silent') })
const [tasks, other] = [tasksOf(app), tasksOf(new App({ broker: 'memory:', logger: createLogger('silent') }))]

describe.each(Object.entries({ member: MEMBERS, argument: ARGUMENTS, option: OPTIONS, document: DOCUMENTS }))(
  'one clear error for a wrong %s, and nothing is sent:',
  (_, cases) => {
    it.each(Object.entries(cases))('%s', async (_, [make, message]) => {
      const error: unknown = await (async () => make(tasks, other, app))().catch((error: unknown) => error)
      expect(error).toBeInstanceOf(ArgumentError)
      expect((error as Error).message).toContain(message)
      expect((error as Error).name).toMatch(/^(ArgumentError|EncodeError|ValidationError)$/)
      expect(await app.queueSize()).toBe(0)
    })
  },
)

it('a chord may have 100,000 members beside its body', () => {
  const { sum } = tasksOf(new App({ logger: createLogger('silent') }))
  const workflow = chord(
    Array.from({ length: 100_000 }, () => sum.s([])),
    sum.s(),
  )
  expect(() => checkWorkflow(workflow.toJSON(), () => 'json')).not.toThrow()
})
