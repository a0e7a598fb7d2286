import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { createHttp } from '../../../src/http/api.ts'
import { Fleet } from '../fleet.ts'

let fleet: Fleet
let app: App

beforeAll(async () => {
  fleet = await Fleet.start()
  await fleet.pythonWorker({})
  app = fleet.app({ queue: 'python' })
})
afterAll(() => fleet.end())

test('a job over HTTP whose record Python has replaced is found by its id and in the list', async () => {
  const api = createHttp(app, { expose: ['py.add'] })
  const body = JSON.stringify([1, 2])
  const headers = { 'content-type': 'application/json', prefer: 'wait=20' }
  const sent = await api.request('/v1/tasks/py.add?tag=a', { method: 'POST', body, headers })
  const { id } = (await sent.json()) as { id: string }
  expect(await app.result(id).get({ timeout: '20s' })).toBe(3)
  const job = { id, task: 'py.add', state: 'SUCCESS' }
  const shown = await api.request(`/v1/jobs/${id}`)
  expect([shown.status, await shown.json()]).toMatchObject([200, job])
  const listed = await api.request('/v1/jobs?task=py.add&tag=a&state=SUCCESS')
  expect(await listed.json()).toMatchObject({ jobs: [{ ...job, createdAt: expect.any(String) }] })
})
