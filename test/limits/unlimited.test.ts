import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../command.ts'

const script = join(import.meta.dirname, 'trip.ts')

test.each(['memory', 'sqlite'])('on %s, tasks without limits enter no code of limits', async (store) => {
  expect(JSON.parse(await output(process.execPath, [script, store]))).toEqual([])
})

test.each(['memory', 'sqlite'])('on %s, tasks with limits do', async (store) => {
  const entered: string[] = JSON.parse(await output(process.execPath, [script, store, 'limited']))
  expect(entered).toEqual(
    expect.arrayContaining(['tasks/limits/headers.ts: limitHeaders', 'worker/limits/taskLimits.ts: parking']),
  )
})
