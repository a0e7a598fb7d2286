import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { chain, chord } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/celeriac.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { Control } from '../../src/control/control.ts'
import { EventReceiver } from '../../src/events/receiver.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { type Lab, until } from '../app/lab.ts'
import { codecOf } from './keys.ts'

/* No covered field of an app with a codec is found in its store, in its log, or in what it tells other processes. */

/** One for each covered field; each is found in the store without a codec. */
const FIELDS = [
  'positional',
  'keyword',
  'result',
  'message',
  'cause',
  'chunk',
  'line',
  'progress',
  'link',
  'errback',
  'step',
  'part',
  'body',
  'dead',
  'waiting',
  'entry',
] as const
type Field = (typeof FIELDS)[number]
const sentinel = (field: Field): string => `Sentinel-of-${field}`

/** What a process other than caller and worker could see. */
interface Seen {
  readonly log: string[]
  readonly events: string[]
  readonly answers: string[]
}

function tasksOf(app: App, held: Promise<void>, holds: () => void) {
  const echo = app.task(
    'echo',
    async (value: unknown, _word?: unknown) => {
      const ctx = currentTask()
      await ctx?.progress(sentinel('progress'))
      await ctx?.chunk(sentinel('chunk'))
      ctx?.log.info({}, sentinel('line'))
      return [sentinel('result'), value]
    },
    { exposeLogs: true },
  )
  const fail = app.task('fail', () => {
    throw new RangeError(sentinel('message'), { cause: new Error(sentinel('cause')) })
  })
  const list = app.task('list', (_before: unknown, own: string) => own)
  const note = app.task('note', (_id: string, own: string) => [own, currentTask()?.failed?.error.message])
  const hold = app.task('hold', async (_value: string) => {
    holds()
    await held
  })
  return { echo, fail, list, note, hold }
}

/** One of everything. Resolves when all has ended but what waits. */
async function play(lab: Lab, codec: Codec | undefined, chords: boolean): Promise<Seen & { app: App }> {
  const seen: Seen = { log: [], events: [], answers: [] }
  const logger = createLogger('debug', { write: (line: string) => void seen.log.push(line) })
  const stores = { broker: lab.url, backend: lab.backend, unknownTaskTimeout: 0 }
  const app = new Celeriac({ ...stores, codec, logger, taskSentEvents: true, trackStarted: true })
  lab.after(() => app.close())
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { promise: holding, resolve: holds } = Promise.withResolvers<void>()
  const { echo, fail, list, note, hold } = tasksOf(app, held, holds)
  const receiver = new EventReceiver(app)
  receiver.onEvent((event) => seen.events.push(JSON.stringify(event)))
  await receiver.start()
  lab.after(() => receiver.stop())
  await lab.work(app, { logger: undefined, taskEvents: true })
  const { backend } = await internalsOf(app).stores()
  const keepInput = backend.jobs !== undefined

  const sent = await app.send('echo', [sentinel('positional')], { kwargs: { _word: sentinel('keyword') }, keepInput })
  expect(await sent.get({ timeout: '60s' })).toEqual([sentinel('result'), sentinel('positional')])
  if (backend.jobs) {
    const [kept] = await backend.jobs.metadata([sent.id])
    expect(String(kept?.input)).toContain(sentinel('keyword'))
  }
  if (backend.events) {
    const told: unknown[] = []
    for await (const event of sent.events({ after: 0 })) told.push(event)
    const events = JSON.stringify(told)
    for (const field of ['progress', 'chunk', 'line', 'result'] as const) expect(events).toContain(sentinel(field))
  }
  const failed = await fail.applyAsync([], { linkError: note.s(sentinel('errback')) })
  await expect(failed.get({ timeout: '60s' })).rejects.toMatchObject({
    type: 'RangeError',
    message: sentinel('message'),
    traceback: expect.stringContaining(sentinel('cause')),
  })
  const linked = await chain(echo.s('a'), list.s(sentinel('step'))).delay()
  expect(await linked.get({ timeout: '60s' })).toBe(sentinel('step'))
  await echo.applyAsync(['a'], { link: list.s(sentinel('link')) })
  if (chords) {
    const joined = await chord([echo.s(sentinel('part')), echo.s('b')], list.s(sentinel('body'))).delay()
    expect(await joined.get({ timeout: '60s' })).toBe(sentinel('body'))
  }
  await app.send('unknown', [sentinel('dead')])
  await app.send('echo', [sentinel('waiting')], { queue: 'later' })
  const held1 = await hold.delay(sentinel('positional'))
  await holding
  if (lab.kind !== 'memory') {
    const inspect = new Control(app).inspect({ timeout: '20s', destination: undefined, limit: 1 } as object)
    for (const answer of [await inspect.active(), await inspect.active({ safe: true })])
      seen.answers.push(JSON.stringify(answer))
    expect(seen.answers[0]).toContain(held1.id)
  }
  release()
  await held1.get({ timeout: '60s' })
  const ended = (type: string): boolean => seen.events.some((event) => event.includes(`"${type}"`))
  await until(() => ended('task-failed') && ended('task-succeeded') && ended('task-sent'))
  if (lab.kind === 'sqlite' || lab.kind === 'redis' || lab.kind === 'postgres') {
    const store = await (await internalsOf(app).stores()).schedule('shop')
    const to = { text: `{"text":"${sentinel('entry')}"}`, due: undefined, waiting: false }
    const runs = [{ id: 'run', text: sentinel('entry'), until: Date.now() + 60_000 }]
    await store.swap([{ name: 'entry', from: undefined, to, runs }])
    expect((await store.list())[0]?.text).toBe(to.text)
  }
  return { ...seen, app }
}

const found = (text: string): string[] => FIELDS.filter((field) => text.includes(sentinel(field)))

export interface Scene {
  readonly lab: () => Lab
  readonly text: (lab: Lab) => string | Promise<string>
  readonly chords?: boolean
  /** Not kept there: it was delivered, or the store has no such part. */
  readonly absent?: readonly Field[]
}

/** What is found in the store, the log, the events and the answers; with and without a codec. */
export function searches({ lab, text, chords = true, absent = [] }: Scene): void {
  test('nothing is found with a codec', async () => {
    const { log, events, answers } = await play(lab(), codecOf(), chords)
    expect(found(await text(lab()))).toEqual([])
    // What a task itself writes into its log stays as it is.
    expect(found(log.filter((line) => !line.includes(sentinel('line'))).join('\n'))).toEqual([])
    expect(found(events.join('\n'))).toEqual([])
    expect(found(answers.join('\n'))).toEqual([])
  })

  test('all of it is found without one', async () => {
    const { log, events } = await play(lab(), undefined, chords)
    expect(found(await text(lab()))).toEqual(FIELDS.filter((field) => !absent.includes(field)))
    for (const seen of [log, events])
      expect(found(seen.join('\n'))).toEqual(expect.arrayContaining(['positional', 'result', 'message', 'cause']))
  })
}
