/*
 * Compiled by the type check, never run: what the types of workflows infer, and what they refuse.
 * A line that must not compile bears @ts-expect-error: the check fails when it does.
 */
import {
  type AsyncResult,
  Celeriac,
  type Chain,
  chain,
  chord,
  type GroupResult,
  group,
  type MemberEnd,
  type Signature,
  type Submission,
} from 'celeriac'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => undefined

const app = new Celeriac()
const add = app.task('add', (x: number, y: number) => x + y)
const text = app.task('text', async (n: number) => String(n))
const load = app.task('load', (path: string, limit?: number) => [path, String(limit)])
const sum = app.task('sum', (list: readonly number[]) => list.length)
const total = app.task('total', (...numbers: number[]) => numbers.length)
const nothing = app.task('nothing', () => undefined)
const note = app.task('note', (id: string, what: string) => `${id} ${what}`)
const pair = app.task('pair', ([n, s]: readonly [number, string]) => `${n}${s}`)
const render = app.task({
  name: 'render',
  input: z.object({ page: z.number(), title: z.string() }),
  params: ['page', 'title'],
  output: z.object({ url: z.string() }),
  run: () => ({ url: '' }),
})
const closed = app.task({ name: 'closed', input: z.object({ n: z.number() }), run: ({ n }) => n })

export function signatures(): void {
  same<ReturnType<typeof add.si>, Signature<number, unknown, true, AsyncResult<number, unknown, unknown>>>(true)
  const full = add.s(1, 2)
  same<typeof full, Signature<number, never, true, AsyncResult<number, unknown, unknown>>>(true)
  const rest = add.s(2)
  same<typeof rest, Signature<number, number, false, AsyncResult<number, unknown, unknown>>>(true)
  same<ReturnType<typeof full.delay>, Submission<number, unknown, unknown>>(true)
  full.delay()
  rest.delay(1)
  full.set({ queue: 'other', countdown: '1s', priority: 3 }).delay()
  // @ts-expect-error the first argument is missing
  rest.delay()
  // @ts-expect-error it has all its arguments
  full.delay(1)
  // @ts-expect-error x is a number
  add.s('1', 2)
  // @ts-expect-error y is a number
  add.s('2')
  // @ts-expect-error too many
  add.s(1, 2, 3)
  // @ts-expect-error a misspelled option
  full.set({ quue: 'other' })
  // @ts-expect-error an option that is the whole workflow's
  full.set({ tags: ['a'] })
  // @ts-expect-error immutable: all arguments
  add.si(1)
  void full.applyAsync([], { tags: ['a'], owner: 'me', linkError: note.s('failed') })
  // @ts-expect-error a misspelled option
  void full.applyAsync([], { linkErrors: note.s('failed') })
}

export function objectTasks(): void {
  render.s({ page: 1, title: 'a' }).delay()
  render.s(1, 'a').delay()
  chain(add.s(1, 2), render.s({ title: 'a' }))
  chain(add.s(1, 2), render.s('a'))
  // @ts-expect-error the page is the result of the step before it
  chain(add.s(1, 2), render.s({ page: 1, title: 'a' }))
  // @ts-expect-error a misspelled property
  render.s({ page: 1, titel: 'a' })
  // @ts-expect-error without `params` it takes no result of another task
  chain(add.s(1, 2), closed.s())
  // @ts-expect-error without `params` it takes no result of another task
  chain(add.s(1, 2), closed.s({ n: 1 }))
  chain(add.s(1, 2), closed.si({ n: 1 }))
}

export async function chains(): Promise<void> {
  const three = chain(add.s(1, 2), add.s(4), text.s())
  same<typeof three, Chain<string, never, true, AsyncResult<string, unknown, unknown>>>(true)
  const got = await three.delay().get()
  same<typeof got, string>(true)
  const piped = add.s(1, 2).pipe(add.s(4)).pipe(text.s())
  same<typeof piped, typeof three>(true)
  const open = chain(add.s(4), text.s())
  void open.delay(1)
  chain(add.s(1, 2), open, load.s())
  chain(nothing.s(), add.si(1, 2), total.s())
  chain(load.s('a'), nothing.si())
  // @ts-expect-error a text where a number is taken
  chain(text.s(1), add.s(4))
  // @ts-expect-error the second step has all its arguments
  chain(add.s(1, 2), add.s(3, 4))
  // @ts-expect-error the last step takes a number
  chain(add.s(1, 2), text.s(), text.s())
  // @ts-expect-error a text where a number is taken
  add.s(1, 2).pipe(text.s()).pipe(add.s(1))
  // @ts-expect-error at least one step
  chain()
  add.s(1, 2).link(text.s()).linkError(note.s('failed'))
  // @ts-expect-error a callback takes the result
  add.s(1, 2).link(load.s(5))
  // A signature survives `await`.
  const same_ = await add.s(1, 2)
  same<typeof same_, Signature<number, never, true, AsyncResult<number, unknown, unknown>>>(true)
  // @ts-expect-error no workflow is thenable
  void three.then
}

export async function groups(): Promise<void> {
  const list = group([1, 2].map((n) => add.s(n, n)))
  const joined = await (await list.delay()).join()
  same<typeof joined, number[]>(true)
  const tuple = group([add.s(1, 2), text.s(3)])
  const both = await tuple.delay()
  same<typeof both, GroupResult<[number, string]>>(true)
  const named = await (await group({ a: add.s(1, 2), b: text.s(3) }).delay()).join()
  same<typeof named, { a: number; b: string }>(true)
  const ended = await chain(add.s(1, 2), group([add.s(1), text.s()])).delay()
  same<typeof ended, GroupResult<[number, string]>>(true)
  chain(list, sum.s())
  chain(tuple, pair.s())
  // @ts-expect-error the list holds a text
  chain(tuple, sum.s())
  // @ts-expect-error a member takes no number
  chain(add.s(1, 2), group([add.s(1), load.s(2)]))
  // @ts-expect-error a group has no end of its own
  void list.link
  // @ts-expect-error a group is not thenable
  void list.then
}

export async function chords(): Promise<void> {
  const one = await chord(group([1, 2].map((n) => add.s(n, n))), sum.s())
    .delay()
    .get()
  same<typeof one, number>(true)
  chord([add.s(1, 2), text.s(3)], pair.s())
  chord(
    [1, 2].map((n) => add.s(n, n)),
    chain(sum.s(), text.s()),
  )
  const grouped = await chord([add.s(1, 2)], group([sum.s(), sum.s()])).delay()
  same<typeof grouped, GroupResult<[number, number]>>(true)
  // @ts-expect-error the body takes a list of numbers
  chord([text.s(1), text.s(2)], sum.s())
  // @ts-expect-error the body takes a number
  chord([add.s(1, 2)], text.s())
  const mapped = await text.map([1, 2]).delay().get()
  same<typeof mapped, string[]>(true)
  add.starmap([[1, 2]])
  // @ts-expect-error two numbers each
  add.starmap([[1]])
  // What a member that ends with a group results in is in its place.
  chord([add.s(1, 2), chain(add.s(1, 2), group([add.s(1), add.s(2)])), group([add.s(1, 2)])], sum.s())
  const inner = await (await group([text.s(1), group([add.s(1, 2), text.s(2)])]).delay()).join()
  same<typeof inner, [string, number, string]>(true)
  const parts = await (await add.chunks([[1, 2]], 10).delay()).join()
  same<typeof parts, number[][]>(true)
}

export async function onError(): Promise<void> {
  const ends = app.task('ends', (list: readonly MemberEnd<number>[]) => list.length)
  const both = app.task('both', ([n, s]: readonly [MemberEnd<number>, MemberEnd<string>]) => [n.status, s.status])
  const some = app.task('some', (list: readonly (number | string)[]) => list.length)
  chord([add.s(1, 2)], ends.s(), { onError: 'collect' })
  chord([add.s(1, 2), text.s(3)], both.s(), { onError: 'collect' })
  chord([add.s(1, 2), text.s(3)], some.s(), { onError: 'ignore' })
  chord([add.s(1, 2)], sum.s(), { onError: 'ignore' })
  chord([add.s(1, 2)], sum.s(), { onError: 'cancel' })
  chord(group([add.s(1, 2)]), ends.s(), { onError: 'collect' })
  chord(group([add.s(1, 2)], { onError: 'collect' }), ends.s())
  chain(group([add.s(1, 2), text.s(3)], { onError: 'collect' }), both.s())
  const joined = await (await group([add.s(1, 2)], { onError: 'collect' }).delay()).join()
  same<typeof joined, [number]>(true)
  // @ts-expect-error the body gets the ends of the members
  chord([add.s(1, 2)], sum.s(), { onError: 'collect' })
  // @ts-expect-error the body gets results
  chord([add.s(1, 2)], ends.s())
  // @ts-expect-error which have succeeded: not a pair
  chord([add.s(1, 2), text.s(3)], pair.s(), { onError: 'ignore' })
  // @ts-expect-error the next step gets the ends of the members
  chain(group([add.s(1, 2)], { onError: 'collect' }), sum.s())
  // @ts-expect-error a misspelled value
  chord([add.s(1, 2)], sum.s(), { onError: 'colect' })
  // @ts-expect-error a misspelled option
  chord([add.s(1, 2)], sum.s(), { onErrors: 'cancel' })
}

export function onErrorOfMember(): void {
  const ends = app.task('ends', (list: readonly MemberEnd<number>[]) => list.length)
  const mixed = app.task('mixed', ([n, s]: readonly [number, MemberEnd<string>]) => [n, s.status])
  const some = app.task('some', (list: readonly (number | string)[]) => list.length)
  const collected = text.s(3).set({ onError: 'collect' })
  const ignored = text.s(3).set({ onError: 'ignore', queue: 'slow' })
  chord([add.s(1, 2), collected], mixed.s())
  chain(group([add.s(1, 2), collected]), mixed.s())
  chord([add.s(1, 2), ignored], some.s())
  chord([add.s(1, 2).set({ onError: 'ignore' })], sum.s())
  chord([add.s(1, 2).set({ onError: 'collect' })], ends.s(), { onError: 'collect' })
  chord([add.s(1, 2).set({ onError: 'fail' }), text.s(1)], pair.s())
  // @ts-expect-error the body gets the end of this member
  chord([add.s(1, 2), collected], pair.s())
  // @ts-expect-error its result may be missing: not a pair
  chord([add.s(1, 2), ignored], pair.s())
  // @ts-expect-error a misspelled value
  text.s(3).set({ onError: 'colect' })
}

export async function byName(): Promise<void> {
  const python = app.signature('py.add', [1])
  chain(add.s(1, 2), python, text.s())
  chain(add.s(1, 2), app.signature<string>('py.text'))
  // @ts-expect-error it results in a text
  chain(app.signature<string>('py.text', [1]), text.s())
  const found = await app.groupResult('id')
  same<typeof found, GroupResult<unknown> | undefined>(true)
  void app.signature(JSON.parse('{}'))
}

/** No member of a task shadows one of a function, beyond `name`. */
type Shadowed = Exclude<keyof typeof add & keyof CallableFunction, 'name'>
same<Shadowed, never>(true)

export function stamps(): void {
  void add.applyAsync([1, 2], { stamps: { order: 1 } })
  void chain(add.s(1, 2), text.s()).applyAsync([], { stamps: { order: [1] } })
  add.s(1, 2).set({ stamps: { order: 'a' } })
  // @ts-expect-error stamps have names
  add.s(1, 2).set({ stamps: 'a' })
}

export async function after(): Promise<void> {
  const got = await text.s(1).after(add.s(1, 2), load.s('a')).delay().get()
  same<typeof got, string>(true)
  chain(text.s(1).after(add.s(1, 2)), load.s())
  const open = text.s(1).after(add.s(2), add.s(3))
  void open.delay(1)
  // @ts-expect-error the members wait for a number
  void open.delay()
  // @ts-expect-error it waits for an argument, and gets none
  text.s().after(add.s(1, 2))
  // @ts-expect-error at least one
  text.s(1).after()
}
