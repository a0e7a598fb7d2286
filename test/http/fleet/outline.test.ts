import { expect, test } from 'vitest'
import { aesGcm } from '../../../src/codec/aesGcm.ts'
import { type Celeriac, currentTask, Reject } from '../../../src/index.ts'
import { until } from '../../app/lab.ts'
import { build } from '../house.ts'
import { authorize, NAMES, PEOPLE } from './people.ts'

const SECRET = 'a-secret-of-ann'

function define(app: Celeriac) {
  const echo = app.task('echo', (text: string) => text)
  const fail = app.task('fail', (text: string) => {
    throw new RangeError(text)
  })
  const emit = app.task('emit', async (text: string) => {
    const ctx = currentTask()
    await ctx?.chunk(text)
    await ctx?.progress({ text })
    return text
  })
  const reject = app.task('reject', (text: string) => {
    throw new Reject(text)
  })
  return [echo, fail, emit, reject]
}

test('where there is a codec, a viewer sees all of a job but what it covers; operator, admin and owner the whole', async () => {
  const codec = aesGcm({ keys: { one: Buffer.alloc(32, 7).toString('base64') } })
  const options = { app: { codec }, http: { authorize, fleet: true }, worker: true }
  await using house = await build('memory:', define, options)
  const ids: Record<string, string> = {}
  for (const task of ['echo', 'fail', 'emit', 'reject'])
    ids[task] = (await house.post(`/v1/tasks/${task}`, [SECRET], PEOPLE.owner)).json.id
  await until(async () =>
    (await house.app.states(Object.values(ids))).every((state) => state === 'SUCCESS' || state === 'FAILURE'),
  )
  await until(async () => (await house.app.deadLetters.count()).celery === 1)
  const paths = [
    ...Object.values(ids).flatMap((id) => [
      `/v1/jobs/${id}`,
      `/v1/jobs/${id}/result`,
      `/v1/jobs/${id}/events`,
      `/v1/jobs/${id}/workflow`,
    ]),
    '/v1/jobs',
    '/v1/dead',
    `/v1/dead/${ids.reject}`,
  ]
  const seen: Record<string, string[]> = {}
  for (const name of NAMES) {
    const answers = await Promise.all(paths.map((path) => house.ask('GET', path, { headers: PEOPLE[name] })))
    seen[name] = paths.filter((_, at) => answers[at]?.text.includes(SECRET))
  }
  expect(seen.viewer).toEqual([])
  expect(seen.other).toEqual([])
  expect(seen.owner?.length).toBeGreaterThan(8)
  expect(seen.operator).toEqual(seen.owner)
  expect(seen.admin).toEqual(seen.owner)
  const get = async (path: string) => (await house.ask('GET', path, { headers: PEOPLE.viewer })).json
  expect(await get(`/v1/jobs/${ids.echo}`)).toMatchObject({ state: 'SUCCESS', result: '…' })
  expect(await get(`/v1/jobs/${ids.fail}`)).toMatchObject({ error: { type: 'RangeError', message: '…' } })
  expect(await get(`/v1/jobs/${ids.echo}/result`)).toMatchObject({ status: 403 })
  expect(await get(`/v1/dead/${ids.reject}`)).toMatchObject({
    id: ids.reject,
    problem: expect.stringContaining('codec'),
  })
})
