import { expect, onTestFinished, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { directoryPayloads } from '../../src/payloads/directory.ts'
import type { PayloadStore } from '../../src/payloads/payloadStore.ts'
import { appWith, filesIn, folderOfTest, sweep, urlsOf, working } from './lab.ts'

const SECRET = 'a secret of more than 32 characters'
const HOUR = 3_600_000
const JSON_TYPE = { 'content-type': 'application/json' }
const wait = { timeout: '30s' } as const

async function served(options = {}) {
  const folder = await folderOfTest()
  const app = appWith(folder, await urlsOf('sqlite', folder), { secret: SECRET, maxSize: '4 MiB', ...options })
  const length = app.task('length', (text: string) => text.length)
  const authorize = bearer({ 'ann-0123456789-abc': { id: 'ann' }, 'bob-0123456789-abc': { id: 'bob' } })
  const server = await serve(createHttp(app, { expose: [length], authorize }), { port: 0 })
  onTestFinished(() => server.close())
  await working(app)
  const ask = (method: string, path: string, who: string, body?: string | ReadableStream, upload?: string) =>
    fetch(new URL(path, server.url), {
      method,
      headers: {
        authorization: `Bearer ${who}-0123456789-abc`,
        ...JSON_TYPE,
        ...(upload !== undefined && { 'celeriac-upload': upload }),
      },
      ...(body !== undefined && { body, duplex: 'half' }),
    } as RequestInit)
  const open = async (who: string) => (await (await ask('POST', '/v1/payloads', who)).json()) as Record<string, string>
  return { folder, app, server, ask, open }
}

test('an input that is larger than a body may be comes before its call', async () => {
  const { app, ask, open, folder } = await served()
  const text = 'x'.repeat(3_000_000)
  expect((await ask('POST', '/v1/tasks/length', 'ann', JSON.stringify({ text }))).status).toBe(413)
  const { url, upload, method, expires } = await open('ann')
  expect([method, Date.parse(expires as string) > Date.now()]).toEqual(['PUT', true])
  expect((await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)).status).toBe(404)
  const stream = new Blob([JSON.stringify({ text })]).stream()
  expect((await ask('PUT', url as string, 'ann', stream)).status).toBe(204)
  const sent = await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)
  expect(sent.status).toBe(202)
  const { id } = (await sent.json()) as { id: string }
  expect(await app.result(id).get(wait)).toBe(text.length)
  expect(await filesIn(folder)).toHaveLength(2)
  // It is there until its time is over, so that a call can be repeated; the input of the job is its own.
  expect(await sweep(app, 2.1 * HOUR)).toBe(1)
  expect(await filesIn(folder)).toHaveLength(1)
})

test('an upload is its owner’s, and no other key can be named', async () => {
  const { ask, open, folder } = await served()
  const { url, upload } = await open('ann')
  const [claims = '', signature = ''] = (upload as string).split('.')
  const [key, until] = JSON.parse(Buffer.from(claims, 'base64url').toString()) as [string, number]
  const forged = Buffer.from(JSON.stringify([key, until + 9999, 'bob'])).toString('base64url')
  const tokens = [`${forged}.${signature}`, forged, `${claims}.`, 'x.y.z', 'x.', `${claims}.${signature}.x`]
  for (const token of tokens) {
    expect((await ask('PUT', `/v1/payloads/${token}`, 'bob', '{}')).status).toBe(403)
    expect((await ask('POST', '/v1/tasks/length', 'bob', undefined, token)).status).toBe(403)
  }
  expect((await ask('PUT', url as string, 'bob', '{}')).status).toBe(403)
  expect((await ask('PUT', url as string, 'ann', '{"text":"mine"}')).status).toBe(204)
  expect((await ask('POST', '/v1/tasks/length', 'bob', undefined, upload)).status).toBe(403)
  expect((await ask('PUT', url as string, 'ann', 'x'.repeat(5_000_000))).status).toBe(413)
  const long = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
  })
  const endless = await ask('PUT', url as string, 'ann', long).then(
    ({ status }) => status,
    () => 413,
  )
  expect(endless).toBe(413)
  // What was put before is still there, whole.
  expect(await filesIn(folder)).toHaveLength(1)
  expect((await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)).status).toBe(202)
})

test('an upload that is no JSON, or does not fit, is refused as a body is', async () => {
  const { ask, open } = await served()
  const { url, upload } = await open('ann')
  await ask('PUT', url as string, 'ann', '{"text":')
  const broken = await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)
  expect([broken.status, await broken.json()]).toMatchObject([400, { title: 'The body cannot be read' }])
})

test('where the store signs URLs, the input goes there', async () => {
  const inner = directoryPayloads(await folderOfTest())
  const keys: string[] = []
  const store: PayloadStore = {
    url: 'test:',
    put: (...given) => inner.put(...given),
    get: (...given) => inner.get(...given),
    delete: (gone) => inner.delete(gone),
    list: (listing) => inner.list(listing),
    signedUrl: async (key, method, seconds) => {
      keys.push(key)
      return `https://bucket.example/${key}?method=${method}&seconds=${seconds}`
    },
  }
  const { app, ask, open } = await served({ store })
  const { url, upload } = await open('ann')
  expect(url).toBe(`https://bucket.example/${keys[0]}?method=PUT&seconds=3600`)
  await inner.put(keys[0] as string, Buffer.from('{"text":"four"}'))
  const sent = await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)
  const { id } = (await sent.json()) as { id: string }
  expect(await app.result(id).get(wait)).toBe(4)
  // What is put there is past our limit: it is checked when it is used.
  await inner.put(keys[0] as string, Buffer.alloc(5_000_000, ' '))
  expect((await ask('POST', '/v1/tasks/length', 'ann', undefined, upload)).status).toBe(413)
})

test('the API describes its uploads', async () => {
  const { ask } = await served()
  const document = (await (await ask('GET', '/openapi.json', 'ann')).json()) as { paths: Record<string, unknown> }
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(['/v1/payloads', '/v1/payloads/{token}', '/v1/tasks/length']),
  )
  expect(JSON.stringify(document.paths['/v1/tasks/length'])).toContain('#/components/parameters/Upload')
})

test('without a secret there are no uploads', async () => {
  const { ask } = await served({ secret: undefined })
  expect((await ask('POST', '/v1/payloads', 'ann')).status).toBe(404)
  expect((await ask('PUT', '/v1/payloads/x.y', 'ann', '{}')).status).toBe(404)
  expect((await ask('POST', '/v1/tasks/length', 'ann', undefined, 'x.y')).status).toBe(403)
})
