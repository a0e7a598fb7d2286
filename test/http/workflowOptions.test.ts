import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient, type WorkflowDocument } from '../../src/client/client.ts'
import { type Celeriac, chain, chord, currentTask, group } from '../../src/index.ts'
import { type Answer, build, type House } from './house.ts'

/* `on_error` and stamps in the document of a workflow. */

const define = (app: Celeriac) => [
  app.task('value', (n: number) => n),
  app.task('boom', (): number => {
    throw new RangeError('no')
  }),
  app.task('list', (all: readonly unknown[]) => all),
  app.task('stamps', () => ({ ...currentTask()?.stamps })),
  app.task('later', () => ({ ...currentTask()?.stamps })),
]

let house: House
beforeAll(async () => {
  house = await build('memory:', define, { worker: true })
})
afterAll(() => house[Symbol.asyncDispose]())

const value = (n: number): WorkflowDocument => ({ task: 'value', args: [n] })
const list = (options: object = {}): WorkflowDocument => ({ task: 'list', options })
const chainOf = (...tasks: unknown[]): WorkflowDocument => ({ task: 'celery.chain', kwargs: { tasks } })
const groupOf = (tasks: readonly unknown[], options: object = {}): WorkflowDocument => ({
  task: 'celery.group',
  kwargs: { tasks },
  options,
})
const chordOf = (header: unknown, body: unknown, options: object = {}): WorkflowDocument => ({
  task: 'celery.chord',
  kwargs: { header, body },
  options,
})
const header = [value(1), { task: 'boom' }, value(3)]

async function resultOf(document: unknown): Promise<unknown> {
  const job = await createClient(house.server.url).submitWorkflow(document as WorkflowDocument)
  return job.result({ timeout: 20_000 })
}

async function refused(document: unknown): Promise<{ detail: string; pointer: string }> {
  const answer: Answer = await house.post('/v1/workflows', document)
  expect([answer.status, answer.json.type]).toEqual([400, 'urn:celeriac:problem:invalid-workflow'])
  return { detail: answer.json.detail, pointer: answer.json.errors[0]?.pointer }
}

test('on_error of a chord, of its body, and of a group that something follows', async () => {
  for (const document of [
    chordOf(header, list(), { on_error: 'ignore' }),
    chordOf(header, list({ on_error: 'ignore' })),
    chordOf(groupOf(header, { on_error: 'ignore' }), list()),
    chainOf(groupOf(header, { on_error: 'ignore' }), list()),
    chainOf(
      value(0),
      groupOf(
        header.map((one) => ({ ...one, immutable: true })),
        { on_error: 'ignore' },
      ),
      list(),
    ),
    chainOf(groupOf(header), list({ headers: { celeriac_on_error: 'ignore' } })),
  ])
    expect(await resultOf(document)).toEqual([1, 3])
  await expect(resultOf(chordOf(header, list(), { on_error: 'fail' }))).rejects.toMatchObject({ kind: 'job-failed' })
})

test('on_error of one member of a header, also of one that is a chain', async () => {
  const own = (on_error: string): WorkflowDocument => ({
    task: 'boom',
    options: { on_error } as never,
    immutable: true,
  })
  expect(await resultOf(chordOf([value(1), own('ignore'), chainOf(value(2), own('ignore'))], list()))).toEqual([1])
  const stringified = house.app.signature('boom').set({ onError: 'ignore' })
  const document = chord([house.app.signature('value', [1]), stringified], house.app.signature('list') as never)
  expect(await resultOf(JSON.parse(JSON.stringify(document)))).toEqual([1])
  expect(await resultOf(chainOf(groupOf([value(1), own('collect')]), list()))).toMatchObject([
    1,
    { status: 'rejected' },
  ])
})

test('what JSON.stringify makes of a workflow with onError and stamps', async () => {
  const { app } = house
  const [one, boom] = [app.signature('value', [1]), app.signature('boom')]
  const all = app.signature('list')
  const ends = [
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: { type: 'RangeError', message: 'no', taskId: expect.any(String) } },
  ]
  for (const workflow of [
    chord([one, boom], all as never, { onError: 'collect' }),
    chain(group([one, boom], { onError: 'collect' }), all as never),
  ])
    expect(await resultOf(JSON.parse(JSON.stringify(workflow)))).toEqual(ends)
  const stamped = app.signature('stamps').set({ stamps: { order: 'A-17', of: 2 } })
  expect(await resultOf(JSON.parse(JSON.stringify(stamped)))).toEqual({ order: 'A-17', of: 2 })
  const member = boom.set({ stamps: { order: 'A-18' }, onError: 'ignore' })
  expect(await resultOf(JSON.parse(JSON.stringify(chord([one, member], all as never))))).toEqual([1])
})

test('stamps: of a task alone, of all tasks of a workflow, also of its links; its own value counts', async () => {
  const stamps = (own?: object): WorkflowDocument => ({ task: 'stamps', options: { stamps: own } as never })
  const ends = await resultOf({
    ...groupOf([stamps({ a: 'own' }), stamps(), chainOf({ ...stamps(), immutable: true })]),
    options: { stamps: { a: 'outer', b: true } },
  })
  expect(ends).toEqual([
    { a: 'own', b: true },
    { a: 'outer', b: true },
    { a: 'outer', b: true },
  ])
  expect(await resultOf(stamps({ n: 1.5 }))).toEqual({ n: 1.5 })
  const seen: unknown[] = []
  house.app.on('task:success', ({ task, result }) => task === 'later' && seen.push(result))
  const linked = { task: 'stamps', options: { link: { task: 'later', immutable: true }, stamps: { own: 1 } } }
  await resultOf({ ...groupOf([linked]), options: { stamps: { outer: 2 } } })
  await expect.poll(() => seen, { timeout: 20_000 }).toEqual([{ outer: 2 }])
})

test('on_error in a place without a meaning, twice, or wrong, is refused with its place', async () => {
  const policy = { on_error: 'collect' }
  for (const [document, place, pointer] of [
    [{ ...value(1), options: policy }, 'value.options.on_error: expected it on a chord', '#/options/on_error'],
    [groupOf([value(1)], policy), 'group.options.on_error: expected it on a chord', '#/options/on_error'],
    [chainOf(value(1), list(policy)), 'chain[1].options.on_error: ', '#/kwargs/tasks/1/options/on_error'],
    [chainOf(value(1), groupOf([value(1)], policy)), 'chain[1].group.options.on_error: ', '#/kwargs/tasks/1/options'],
    [chordOf([groupOf([value(1)], policy)], list()), 'chord.header[0].group.options.on_error: ', '#/kwargs/header/0'],
    [chordOf(header, list(), { on_error: 'stop' }), 'expected one of fail, cancel, collect, ignore', '#/options'],
    [chordOf(header, list(), { on_error: ['fail'] }), 'expected one of fail, cancel, collect, ignore', '#/options'],
    [chordOf([value(1)], chainOf(list(), { ...value(1), options: policy })), 'chord.body.chain[1].options', '#'],
    [groupOf([{ ...value(1), options: policy }]), 'group[0].options.on_error: ', '#/kwargs/tasks/0/options/on_error'],
    [
      chordOf([value(1)], list({ headers: { celeriac_member_on_error: 'ignore' } })),
      'chord.body.options.headers: expected it on a chord',
      '#/kwargs/body/options/headers',
    ],
    [chordOf(header, list(policy), policy), 'chord: expected on_error once', '#'],
    [
      chordOf(header, list({ ...policy, headers: { celeriac_on_error: 'fail' } })),
      'chord.body.options.on_error: expected it once',
      '#/kwargs',
    ],
    [chordOf(header, list({ headers: { celeriac_on_error: 'fail', id: 'x' } })), 'chord.body.options.headers: ', '#'],
    [
      chordOf(header, list({ headers: { celeriac_on_error: 'no' } })),
      'celeriac_on_error or celeriac_member_on_error alone',
      '#',
    ],
    [
      chordOf(header, list({ headers: { task: 'boom' } })),
      'celeriac_on_error or celeriac_member_on_error alone',
      '#/kwargs/body/options',
    ],
  ] as const) {
    const { detail, pointer: found } = await refused(document)
    expect(detail).toContain(place)
    expect(found.startsWith(pointer)).toBe(true)
  }
})

test('stamps that would be something else, are long, or many, are refused with their place', async () => {
  const of = (stamps: unknown, more: object = {}): unknown => ({ task: 'stamps', options: { stamps, ...more } })
  const many = (count: number, letter: string): object =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${letter}${at}`, at]))
  for (const name of ['task', 'queue', '', 'reply_to', 'a b', '1a', 'x'.repeat(65)])
    expect((await refused({ task: 'stamps', options: { stamped_headers: [name], [name]: 1 } })).detail).toContain(
      'stamps.options.stamped_headers[0]: expected the name of a stamp',
    )
  for (const [document, text] of [
    [of({ countdown: 1 }), 'stamps.options.stamps.countdown: expected the name of a stamp'],
    [of({ on_error: 1 }), 'stamps.options.stamps.on_error: expected the name of a stamp'],
    [of({ a: 'x'.repeat(257) }), 'stamps.options.stamps.a: expected a stamp a that is'],
    [of({ a: {} }), 'stamps.options.stamps.a: expected a stamp a that is'],
    [of({ a: null }), 'stamps.options.stamps.a: expected a stamp a that is'],
    [of([]), 'stamps.options.stamps: expected an object'],
    [of(undefined, { stamped_headers: 'a' }), 'stamps.options.stamped_headers: expected an array of names'],
    [of(undefined, { stamped_headers: ['a'] }), 'stamped_headers[0]: expected a stamp a that is'],
    [of(undefined, { stamped_headers: ['toString'] }), 'stamped_headers[0]: expected a stamp toString that is'],
    [of(undefined, { headers: { stamps: { a: 1 } } }), 'headers: expected the stamps in the option stamps'],
    [of({ a: 1 }, { b: 1 }), 'stamps.options.b: this option cannot be set here'],
    [of(many(17, 'a')), 'stamps.options: expected at most 16 stamps'],
    [{ ...groupOf([of(many(8, 'a'))]), options: { stamps: many(9, 'b') } }, 'group[0].options: expected at most 16'],
  ] as const)
    expect((await refused(document)).detail).toContain(text)
  expect(await resultOf(of(many(16, 'a')))).toEqual(many(16, 'a'))
})
