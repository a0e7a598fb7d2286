import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../command.ts'

/** Stores that keep limits: there the same script shows that it would notice. */
const LIMITED_STORES: readonly string[] = ['memory']

const script = join(import.meta.dirname, 'trip.ts')

test.each(['memory', 'sqlite'])('on %s, tasks without limits enter no code of limits', async (store) => {
  expect(JSON.parse(await output(process.execPath, [script, store]))).toEqual([])
})

test.each(LIMITED_STORES)('on %s, tasks with limits do', async (store) => {
  const entered: string[] = JSON.parse(await output(process.execPath, [script, store, 'limited']))
  expect(entered).toEqual(
    expect.arrayContaining(['tasks/limits/headers.ts: limitHeaders', 'worker/limits/taskLimits.ts: parking']),
  )
})
