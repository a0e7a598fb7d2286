import fc from 'fast-check'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { Fatal, Reject } from '../../../src/std/errors.ts'
import { record, useLab } from '../../app/lab.ts'

const lab = useLab('memory')
const MAX_RETRIES = 2

/** How one run of an item ends: by the list, by its own end, or by what the function throws for all. */
const END = fc.constantFrom('result', 'fail', 'fatal', 'retry', 'reject', 'throw')
const CALLS = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), ends: fc.array(END, { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 30,
})

type Ends = readonly string[]

/** What becomes of an item that meets no other: `throw` is its failure, as `fail`. */
function expected(ends: Ends): string {
  for (let attempt = 0; ; attempt++) {
    const end = ends[attempt] ?? 'result'
    if (end === 'result') return `SUCCESS after ${attempt}`
    if (end === 'reject' || end === 'fatal' || attempt === MAX_RETRIES) return `FAILURE after ${attempt}`
  }
}

it('whatever ends items have, each has its own, no batch is too large, and keys are apart', async () => {
  const one = async (calls: readonly { key: string; ends: Ends }[], size: number, concurrency: number) => {
    const app = lab().app()
    const told = record(app)
    const batches: { keys: Set<string>; size: number }[] = []
    let running = 0
    let most = 0
    const task = app.task({
      name: 'any',
      input: z.object({ key: z.string(), ends: z.array(z.string()) }),
      batch: { size, wait: 5, key: ({ key }) => key },
      retry: { max: MAX_RETRIES, delay: 1, jitter: 'none' },
      run: async (items) => {
        most = Math.max(most, ++running)
        batches.push({ keys: new Set(items.map(({ input }) => input.key)), size: items.length })
        await new Promise(setImmediate)
        running--
        const results = items.map((item) => {
          const end = item.input.ends[item.attempt - 1] ?? 'result'
          if (end === 'fail') return item.fail(new RangeError('fail'))
          if (end === 'fatal') return item.fail(new Fatal('fatal'))
          if (end === 'retry') return item.retry({ countdown: 1 })
          if (end === 'reject') return item.fail(new Reject('reject'))
          // What throws for all is the end of those that have none.
          return end === 'throw' ? undefined : item.id
        })
        const thrown = items.filter((_, at) => results[at] === undefined)
        if (thrown.length === items.length) throw new TypeError('throw')
        for (const item of thrown) item.fail(new TypeError('throw'))
        return results
      },
    })
    const worker = await lab().work(app, { concurrency })
    const handles = await task.delayMany(calls.map(({ key, ends }) => ({ key, ends: [...ends] })))
    const results = await Promise.allSettled(handles.map((handle) => handle.get({ timeout: '20s' })))
    const infos = await Promise.all(handles.map((handle) => handle.info()))
    await worker.stop()
    expect(infos.map((info) => `${info?.state} after ${info?.retries}`)).toEqual(
      calls.map(({ ends }) => expected(ends)),
    )
    for (const [at, result] of results.entries())
      if (result.status === 'fulfilled') expect(result.value).toBe(handles[at]?.id)
    for (const batch of batches) expect(batch.keys.size).toBe(1)
    expect(Math.max(...batches.map((batch) => batch.size))).toBeLessThanOrEqual(size)
    expect(most).toBeLessThanOrEqual(concurrency)
    // Each run has begun and ended in the signals, once.
    const count = (name: string): number => told.filter((one) => one.name === name).length
    expect(count('task:prerun')).toBe(batches.reduce((sum, batch) => sum + batch.size, 0))
    expect(count('task:postrun')).toBe(count('task:prerun'))
  }
  await fc.assert(fc.asyncProperty(CALLS, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 }), one), {
    numRuns: 20,
  })
})
