import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { Celeriac } from '../../src/index.ts'
import { type DashboardScene, startDashboard } from './scene.ts'

let scene: DashboardScene
beforeAll(async () => {
  scene = await startDashboard()
})
afterAll(() => scene[Symbol.asyncDispose]())

test('the files have a strict policy, names that change with them, and gzip where it is wanted', async () => {
  const response = await fetch(scene.url, { headers: { 'accept-encoding': 'identity' } })
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  const html = await response.text()
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| on\w+=|https?:/)
  const files = [...html.matchAll(/(?:src|href)="(dashboard\/[^"]+)"/g)].map(([, path]) => path)
  expect(files).toHaveLength(2)
  for (const path of files) {
    const file = await fetch(new URL(path as string, scene.url))
    expect([file.status, file.headers.get('content-encoding')]).toEqual([200, 'gzip'])
    expect(file.headers.get('cache-control')).toContain('immutable')
    const etag = file.headers.get('etag') as string
    expect((await fetch(new URL(path as string, scene.url), { headers: { 'if-none-match': etag } })).status).toBe(304)
  }
  expect((await fetch(`${scene.url}/`, { redirect: 'manual' })).headers.get('location')).toBe('../dashboard')
  for (const path of ['/main.tsx', '/..%2Fapi.ts', '/index.html.map'])
    expect((await fetch(scene.url + path)).status).toBe(404)
})

test('the option needs a fleet, and is off by itself', async () => {
  const app = new Celeriac({ broker: 'memory:', recorder: false })
  expect(() => createHttp(app, { expose: [], dashboard: true })).toThrow('http: dashboard: expected the option `fleet`')
  expect((await createHttp(app, { expose: [], fleet: { open: true } }).request('/dashboard')).status).toBe(404)
  await app.close()
})
