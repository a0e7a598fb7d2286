import { expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { useLab } from './lab.ts'

/* Calls that change many jobs or dead letters at once: nothing is changed where an option is not understood. */

type Call = (app: App, given: never) => Promise<unknown>

const FILTER = { task: 'x' } as const
const CALLS: Readonly<Record<string, Call>> = {
  'deadLetters.redrive': (app, given) => app.deadLetters.redrive(FILTER, given),
  'deadLetters.drop': (app, given) => app.deadLetters.drop(FILTER, given),
  forgetJobs: (app, given) => app.forgetJobs({ owner: 'ann' }, given),
  retryJobs: (app, given) => app.retryJobs(FILTER, given),
  revokeJobs: (app, given) => app.revokeJobs(FILTER, given),
}
const SELECTING: Readonly<Record<string, Call>> = {
  'deadLetters.list': (app, given) => app.deadLetters.list(given),
  'deadLetters.redrive': (app, given) => app.deadLetters.redrive(given),
  'deadLetters.drop': (app, given) => app.deadLetters.drop(given),
  'deadLetters.edit': (app, given) => app.deadLetters.edit('id', given),
  forgetJobs: (app, given) => app.forgetJobs(given),
  retryJobs: (app, given) => app.retryJobs(given),
  revokeJobs: (app, given) => app.revokeJobs(given),
}

const lab = useLab('memory')

/** Rejects with ArgumentError. */
async function refused(call: Call | undefined, given: unknown): Promise<string> {
  const app = lab().app()
  const error = await call?.(app, given as never).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' })
  return String(error)
}

test.each(Object.keys(CALLS))('%s: an unknown option, and one of another type', async (name) => {
  const call = CALLS[name]
  // It would be done, and not only listed.
  expect(await refused(call, { dryrun: true })).toMatch(`${name}: unknown option dryrun; known are dryRun`)
  expect(await refused(call, { dryRun: 'yes' })).toMatch(`${name}: dryRun: expected true or false, got "yes"`)
  expect(await refused(call, { dryRun: null })).toMatch(`${name}: dryRun: expected true or false, got null`)
  expect(await refused(call, { limit: 0 })).toMatch(`${name}: limit: expected a whole number`)
  expect(await refused(call, true)).toMatch(`${name}: options: expected an object, got true`)
  expect(await refused(call, null)).toMatch(`${name}: options: expected an object, got null`)
})

test.each(Object.keys(SELECTING).filter((name) => name !== 'deadLetters.list'))('%s of nothing', async (name) => {
  expect(await refused(SELECTING[name], undefined)).toMatch(`${name}: expected an object, got undefined`)
})

test.each(Object.keys(SELECTING))('%s of something else', async (name) => {
  expect(await refused(SELECTING[name], null)).toMatch(`${name}: expected an object, got null`)
  expect(await refused(SELECTING[name], 'id')).toMatch(`${name}: expected an object, got "id"`)
  expect(await refused(SELECTING[name], ['id'])).toMatch(`${name}: expected an object, got ["id"]`)
})

test.each(['deadLetters.redrive', 'retryJobs'])('%s: a rate of nothing is not any rate', async (name) => {
  for (const rate of [0, '0', '0/s', '0.0/h'])
    expect(await refused(CALLS[name], { rate })).toMatch(`${name}: rate: expected more than 0`)
  for (const rate of [null, -1, 'fast', '1/d', Number.NaN, Number.POSITIVE_INFINITY])
    expect(await refused(CALLS[name], { rate })).toMatch(`${name}: rate: expected a number in a second`)
})

test('the other options of each', async () => {
  const { 'deadLetters.redrive': redrive, forgetJobs, revokeJobs } = CALLS
  expect(await refused(redrive, { signal: 5 })).toMatch('deadLetters.redrive: signal: expected an AbortSignal, got 5')
  expect(await refused(forgetJobs, { revoke: 'yes' })).toMatch('forgetJobs: revoke: expected true or false, got "yes"')
  expect(await refused(revokeJobs, { terminate: 1 })).toMatch('revokeJobs: terminate: expected true or false, got 1')
})

test('undefined is as if it were not there', async () => {
  const app = lab().app()
  const none = { dryRun: undefined, limit: undefined, rate: undefined, signal: undefined }
  expect((await app.deadLetters.redrive(FILTER, none)).ids).toEqual([])
  expect((await app.retryJobs(FILTER, { rate: undefined, cursor: undefined })).jobs).toEqual([])
  expect((await app.forgetJobs({ owner: 'ann' }, { revoke: undefined, queue: undefined })).ids).toEqual([])
})
