import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { expect, onTestFinished, test, vi } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { createHttp, toExpress, toFastify, toNode } from '../../src/http/server/serve.ts'
import { storesOf } from '../app/stores.ts'
import { EventClient } from './eventClient.ts'
import { problemOf, type Service, startService } from './harness.ts'

const until = (what: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(what()).toBe(true), { timeout: 10_000, interval: 5 })

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const hosts: Readonly<Record<string, (api: Hono) => Promise<number>>> = {
  'node:http': (api) => listen(createServer(toNode(api))),
  Express: (api) => listen(createServer(express().use(toExpress(api)))),
  'Express behind compression()': (api) => listen(createServer(express().use(compression(), toExpress(api)))),
  'Hono behind compress()': (api) => listen(createServer(toNode(new Hono().use(compress()).route('/', api)))),
  Fastify: async (api) => {
    const outer = fastify()
    await outer.register(toFastify(api))
    await outer.listen({ port: 0, host: '127.0.0.1' })
    onTestFinished(() => outer.close())
    return (outer.server.address() as AddressInfo).port
  },
}

test.each(Object.entries(hosts))(
  '%s passes each event on at once, and tells when the client has left',
  async (_name, open) => {
    await using service = await startService('memory:')
    const port = await open(createHttp(service.app, { expose: ['tasks.add'] }))
    await service.record({ task_id: 'one' })
    // As browsers ask for it. A compressor keeps what it was given until it has enough, unless it is told to let the stream alone.
    const headers = { 'accept-encoding': 'gzip, br' }
    const clients = [0, 1].map(() => new EventClient(port, '/v1/jobs/one/events', headers))
    await until(() => clients.every(({ events }) => events.length === 1))
    for (const client of clients) expect(client.header('cache-control')).toBe('no-cache, no-transform')
    await service.record({ task_id: 'one', status: 'PROGRESS', result: 1 })
    await until(() => clients.every(({ events }) => events.length === 2))
    const { feed } = await storesOf(service.app)
    expect(feed.size).toBe(1)
    for (const client of clients) client.close()
    await until(() => feed.size === 0)
  },
)

const TOKENS = { 'anna-anna-anna-anna': 'anna', 'bert-bert-bert-bert': 'bert' }

async function statusOf(service: Service, path: string, token?: string): Promise<Response> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  return service.fetch(path, { headers })
}

test("with identities: events, results and changes are the owner's alone", async () => {
  await using service = await startService('sqlite:', { authorize: bearer(TOKENS) })
  const [anna, bert] = Object.keys(TOKENS) as [string, string]
  const accepted = await service.post('/v1/tasks/tasks.add', [1, 2], { authorization: `Bearer ${anna}` })
  const { id } = (await accepted.json()) as { id: string }
  for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/result`, `/v1/jobs/${id}/events`]) {
    await problemOf(await statusOf(service, path), 401, 'unauthorized')
    await problemOf(await statusOf(service, path, bert), 404, 'unknown-job')
  }
  const own = new EventClient(service.server.port, `/v1/jobs/${id}/events`, { authorization: `Bearer ${anna}` })
  await until(() => own.events.length === 1)
  expect(own.status).toBe(200)
  own.close()
})
