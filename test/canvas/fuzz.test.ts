import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import { chain, chord, group } from '../../src/calls/workflow.ts'
import { useLab } from '../app/lab.ts'
import { runs } from '../tier.ts'

/*
 * Documents of random shape, and valid ones in which something was changed: each is refused with a clear error, or it
 * runs to an end.
 */

const SEED = Number(process.env.FUZZ_SEED ?? 20_261_129)
/** Options that send a task elsewhere or later, or keep no result: it would wait for what does not come. */
const AWAY = new Set(['queue', 'exchange', 'routing_key', 'eta', 'countdown', 'ignore_result', 'group_id'])

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class Fuzzer {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomOf(seed)
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#random() * values.length)] as Value
  }

  /** Plain data with the words of signatures in it. */
  value(depth = 4): unknown {
    const kind = this.pick(depth > 0 ? ['leaf', 'list', 'record', 'call', 'call', 'canvas', 'canvas'] : ['leaf'])
    const list = (): unknown[] => Array.from({ length: this.pick([0, 1, 2, 3]) }, () => this.value(depth - 1))
    if (kind === 'list') return list()
    if (kind === 'record') return Object.fromEntries(list().map((value) => [this.#word(), value]))
    if (kind === 'call') return this.#call(depth)
    if (kind === 'canvas') return this.#canvas(depth)
    return this.pick([null, true, false, 0, 1, -1, 1.5, '', 'x', 'add', 'sum', 'celery.group', '2026-11-29T00:00:00'])
  }

  /** A copy in which one value, somewhere, is another one, is gone, or is there twice. */
  mutate(document: unknown): unknown {
    const copy = structuredClone(document)
    const places: [Record<string, unknown>, string][] = []
    const look = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      for (const key of Object.keys(value)) {
        const place = value as Record<string, unknown>
        places.push([place, key])
        look(place[key])
      }
    }
    look(copy)
    const [place, key] = this.pick(places)
    const change = this.pick(['value', 'gone', 'word', 'other'])
    if (change === 'gone' && !Array.isArray(place)) delete place[key]
    else if (change === 'word' && !Array.isArray(place)) place[this.#word()] = this.value(2)
    else if (change === 'other') place[key] = structuredClone(this.pick(places)[0])
    else place[key] = this.value(2)
    return copy
  }

  #call(depth: number): object {
    const task = this.pick(['add', 'sum', 'fail', 'echo', 'nowhere', 'celery.map', 'celery.chunks', 'celery.group'])
    return { task, args: this.#some(depth, []), kwargs: this.#some(depth, {}), options: this.#some(depth, {}) }
  }

  #canvas(depth: number): object {
    const kind = this.pick(['chain', 'group', 'chord'])
    const calls = Array.from({ length: this.pick([0, 1, 2, 3]) }, () => this.#call(depth - 1))
    const tasks = this.pick([calls, calls, this.value(depth - 1)])
    const kwargs =
      kind === 'chord' ? { header: tasks, body: this.pick([this.#call(0), this.value(depth - 1)]) } : { tasks }
    return { task: `celery.${kind}`, subtask_type: kind, args: [], kwargs, options: this.#some(depth, {}) }
  }

  #some(depth: number, usual: unknown): unknown {
    return this.pick([usual, usual, usual, this.value(depth - 1)])
  }

  #word(): string {
    return this.pick([
      'task',
      'args',
      'kwargs',
      'options',
      'subtask_type',
      'immutable',
      'tasks',
      'header',
      'body',
      'link',
      'link_error',
      'chain',
      'chord',
      'task_id',
      'group_index',
      'headers',
      'priority',
      'expires',
      'it',
      'constructor',
      'length',
    ])
  }
}

function tasksOf(app: App) {
  return {
    add: app.task('add', (x: number, y: number) => x + y),
    sum: app.task('sum', (list: readonly unknown[]) => list.length),
    echo: app.task('echo', (value: unknown) => value),
    fail: app.task('fail', (): number => {
      throw new RangeError('no such thing')
    }),
  }
}

/** Documents of each kind of workflow. */
function validOf({ add, sum, echo, fail }: ReturnType<typeof tasksOf>): readonly unknown[] {
  const list = [
    chain(add.s(1, 2), add.s(3), echo.s()),
    group([add.s(1, 2), chain(add.s(1, 2), add.s(3)), fail.s()]),
    chord([add.s(1, 2), add.s(3, 4)], sum.s().link(echo.s()).linkError(echo.s())),
    chord([add.s(1, 2), fail.s()], chain(sum.s(), echo.s())),
    chain(add.s(1, 2), group([add.s(1), chord([add.s(3), echo.s()], sum.s())]), sum.s(), group([echo.s(), echo.s()])),
    chord([echo.map([1, 2]), add.starmap([[1, 2]])], sum.s()),
  ]
  return list.map((workflow) => JSON.parse(JSON.stringify(workflow)))
}

/** Whether it names an option that sends it away. */
function goesAway(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, inner]) => AWAY.has(name) || goesAway(inner))
}

const lab = useLab('memory')

it('a document is refused with a clear error, or it runs to an end', async () => {
  const app = lab().app()
  const valid = validOf(tasksOf(app))
  await lab().work(app)
  const fuzzer = new Fuzzer(SEED)
  const ends = new Map<string, number>()
  const all = Array.from({ length: runs(1500) }, (_, at) => {
    let document = at % 2 === 0 ? fuzzer.value() : fuzzer.pick(valid)
    if (at % 2 === 1) for (let left = fuzzer.pick([1, 1, 2, 3]); left > 0; left--) document = fuzzer.mutate(document)
    return document
  })
  for (let at = 0; at < all.length; at += 50)
    for (const end of await Promise.all(all.slice(at, at + 50).map((document) => endOf(app, document))))
      ends.set(end, (ends.get(end) ?? 0) + 1)
  expect([...ends.keys()].sort()).toEqual(['ended', 'refused'])
  expect(Math.min(...ends.values())).toBeGreaterThan(all.length / 20)
})

async function endOf(app: App, document: unknown): Promise<string> {
  if (goesAway(document)) return 'refused'
  let handle: AsyncResult
  try {
    handle = await app.signature(document as never).delay()
  } catch (error) {
    const { name, message } = error as Error
    return /^(ArgumentError|EncodeError|ValidationError)$/.test(name) && message.includes(':')
      ? 'refused'
      : `${(error as Error).stack} for ${JSON.stringify(document)}`
  }
  try {
    await handle.get({ timeout: '30s' })
  } catch (error) {
    const { name, message } = error as Error
    if (name === 'TimeoutError') return `never ends: ${message}: ${JSON.stringify(document)}`
  }
  return 'ended'
}
