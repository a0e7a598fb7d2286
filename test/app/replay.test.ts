import { describe, expect, it } from 'vitest'
import type { TaskEvent } from '../../src/calls/asyncResult.ts'
import { ArgumentError, TimeoutError, UnknownJobError } from '../../src/std/errors.ts'
import { onFewStores, until } from './lab.ts'
import { storesOf } from './stores.ts'

type Event = TaskEvent<unknown, unknown>

async function collect(events: AsyncIterable<Event>): Promise<string[]> {
  const shown: string[] = []
  for await (const event of events) shown.push(`${event.seq} ${event.state}`)
  return shown
}

describe('events({ after })', () => {
  onFewStores((lab) => {
    it('tells every state of a task that was faster than anybody read, with retries, to whoever comes when it is over', async () => {
      const app = lab().app({ trackStarted: true })
      let runs = 0
      const task = app.task({
        name: 'task',
        input: anything,
        retry: { max: 1, delay: 1, jitter: 'none' },
        run: async (_: unknown, ctx) => {
          for (let at = 1; at <= 30; at++) await ctx.updateState(`STEP ${at}`, at)
          if (++runs === 1) throw new RangeError('once')
          return 'done'
        },
      })
      await lab().work(app)
      const handle = await task.delay({})
      expect(await handle.get({ timeout: '20s' })).toBe('done')
      const run = ['STARTED', ...Array.from({ length: 30 }, (_, at) => `STEP ${at + 1}`)]
      const life = ['PENDING', ...run, 'RETRY', ...run, 'SUCCESS'].map((state, at) => `${at + 1} ${state}`)
      expect(await collect(handle.events({ after: 0 }))).toEqual(life)
      expect(await collect(app.result(handle.id).events({ after: 40 }))).toEqual(life.slice(40))
      // Whoever knows the end is told nothing more, and let go.
      expect(await collect(app.result(handle.id).events({ after: life.length, timeout: '20s' }))).toEqual([])
      expect((await collect(handle.events())).at(-1)).toBe('undefined SUCCESS')
    })

    it('tells them as they come, too; ends at its timeout and its signal', async () => {
      const app = lab().app()
      const { backend } = await storesOf(app)
      const handle = await app.send('elsewhere')
      const seen: Event[] = []
      const stop = new AbortController()
      const reading = (async () => {
        for await (const event of handle.events({ after: 0, signal: stop.signal })) seen.push(event)
      })()
      await until(() => seen.length === 1)
      const [meta] = await backend.load([handle.id])
      for (let at = 1; at <= 5; at++) await backend.store({ ...meta!, status: 'PROGRESS', result: at })
      await until(() => seen.length === 6)
      expect(seen.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
      expect(seen[5]).toMatchObject({ type: 'progress', data: 5, info: { progress: 5 } })
      stop.abort(new RangeError('enough'))
      await expect(reading).rejects.toThrow('enough')
      await expect(collect(handle.events({ after: 6, timeout: 50 }))).rejects.toThrow(TimeoutError)
      expect((await storesOf(app)).feed.size).toBe(0)
    })

    it('refuses a wrong number, and an unknown task', async () => {
      const app = lab().app()
      for (const after of [-1, 1.5, Number.NaN])
        await expect(collect(app.result('x').events({ after }))).rejects.toThrow(ArgumentError)
      await expect(collect(app.result('x').events({ after: 0 }))).rejects.toThrow(UnknownJobError)
      expect(() => lab().app({ eventLog: -1 })).toThrow('eventLog: expected a whole number from 0 to 100000, got -1')
    })

    it('keeps no log where the app wants none: the state now, and the end', async () => {
      const app = lab().app({ eventLog: 0 })
      const { backend } = await storesOf(app)
      const handle = await app.send('elsewhere')
      const [meta] = await backend.load([handle.id])
      for (let at = 1; at <= 5; at++) await backend.store({ ...meta!, status: 'PROGRESS', result: at })
      const seen: string[] = []
      const reading = (async () => {
        for await (const { seq, state } of handle.events({ after: 0 })) seen.push(`${seq} ${state}`)
      })()
      await until(() => seen.length === 2)
      await backend.store({ ...meta!, status: 'SUCCESS', result: 1, date_done: new Date().toISOString() })
      await reading
      expect(seen).toEqual(['1 PENDING', 'undefined PROGRESS', '2 SUCCESS'])
    })
  })
})

/** A schema that takes whatever it is given. */
const anything = {
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
} as const
