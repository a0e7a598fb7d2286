import { rm, truncate, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { until } from '../../src/testing/kit.ts'
import { appWith, filesIn, folderOfTest, urlsOf, working } from './lab.ts'

const TEXT = '€"\n\u0007'.repeat(1000)
const BYTES = new Uint8Array(300_000).map((_, at) => at % 251)
const LIST = Array.from({ length: 2000 }, (_, at) => ({ at, name: `item ${at}` }))
const TYPED = { at: new Date(7), bytes: BYTES.subarray(0, 3000), big: 2n ** 64n }
const wait = { timeout: '30s' } as const

/** An app with large results behind a server, and its jobs, which have ended. */
async function served() {
  const folder = await folderOfTest()
  const app = appWith(folder, await urlsOf('sqlite', folder))
  const results = { text: TEXT, plain: TEXT, bytes: BYTES, list: LIST, typed: TYPED, small: 'small' }
  for (const [name, result] of Object.entries(results))
    app.task(name, () => result as unknown, { contentType: name === 'plain' ? 'text/plain' : undefined })
  app.task('length', (text: string) => text.length)
  const server = await serve(createHttp(app, { expose: [...app.tasks.values()] as never, keepInput: true } as never), {
    port: 0,
  })
  onTestFinished(() => server.close())
  await working(app)
  const submit = async (task: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/v1/tasks/${task}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    })
  const ended = async (task: string): Promise<string> => {
    const { id } = (await (await submit(task)).json()) as { id: string }
    await until(`${task} ends`, () => app.result(id).ready())
    return `${server.url}/v1/jobs/${id}`
  }
  return { folder, app, server, submit, ended }
}

test('a large result is streamed, as its own type, also a part of it', async () => {
  const { ended } = await served()
  const bytes = await fetch(`${await ended('bytes')}/result`)
  expect(bytes.headers.get('content-type')).toBe('application/octet-stream')
  expect(bytes.headers.get('content-length')).toBe('300000')
  expect(Buffer.compare(Buffer.from(await bytes.arrayBuffer()), BYTES)).toBe(0)
  const etag = bytes.headers.get('etag') ?? ''
  const part = await fetch(bytes.url, { headers: { range: 'bytes=100-199', 'if-range': etag } })
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/300000'])
  expect(new Uint8Array(await part.arrayBuffer())).toEqual(BYTES.slice(100, 200))
  expect((await fetch(bytes.url, { headers: { range: 'bytes=300000-' } })).status).toBe(416)
  expect((await fetch(bytes.url, { headers: { 'if-none-match': etag } })).status).toBe(304)
  const head = await fetch(bytes.url, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '300000'])
  const plain = await fetch(`${await ended('plain')}/result`)
  expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(await plain.text()).toBe(TEXT)
  const text = await fetch(`${await ended('text')}/result`)
  expect([text.headers.get('content-type'), await text.json()]).toEqual(['application/json', TEXT])
  const list = await fetch(`${await ended('list')}/result`)
  expect([list.headers.get('content-type'), await list.json()]).toEqual(['application/json', LIST])
  const typed = await fetch(`${await ended('typed')}/result`)
  const base64 = Buffer.from(TYPED.bytes).toString('base64')
  expect(await typed.text()).toBe(`{"at":"${TYPED.at.toISOString()}","bytes":"${base64}","big":${2n ** 64n}}`)
})

test('the job says that its result is not there; its events, and its lists, too; the client fetches it', async () => {
  const { app, server, ended, submit } = await served()
  const job = await ended('list')
  const document = await (await fetch(job)).json()
  expect(document).toMatchObject({ state: 'SUCCESS', resultOmitted: true })
  expect(document).not.toHaveProperty('result')
  expect((await app.jobs()).jobs).toMatchObject([{ result: undefined, resultOmitted: true }])
  const waited = await submit('list', { prefer: 'wait=20' })
  expect([waited.status, await waited.json()]).toMatchObject([200, { resultOmitted: true }])
  expect(await (await fetch(`${job}/events`)).text()).toMatch(/event: result-omitted\ndata: \{\}\n/)
  expect(await (await fetch(await ended('small'))).json()).toMatchObject({ result: 'small' })
  const client = createClient(server.url)
  expect(await client.run('list' as never, undefined as never)).toEqual(LIST)
  const events: unknown[] = []
  const id = job.split('/').at(-1) as string
  for await (const event of client.job(id).events()) events.push(event)
  expect(events.at(-1)).toMatchObject({ type: 'result', data: LIST })
})

test('a body that is large is a payload, and so is what a retry is made of', async () => {
  const { app, server, folder } = await served()
  const body = JSON.stringify({ text: 'x'.repeat(10_000) })
  const headers = { 'content-type': 'application/json', prefer: 'wait=20' }
  const sent = await fetch(`${server.url}/v1/tasks/length`, { method: 'POST', headers, body })
  const { id, result } = (await sent.json()) as { id: string; result: number }
  expect(result).toBe(10_000)
  expect(await filesIn(folder)).toHaveLength(1)
  const again = await fetch(`${server.url}/v1/jobs/${id}/retry`, { method: 'POST' })
  expect(again.status).toBe(202)
  const { id: own } = (await again.json()) as { id: string }
  expect(await app.result(own).get(wait)).toBe(10_000)
})

test('a result that is gone, or is not what it was, is a problem', async () => {
  const { folder, ended } = await served()
  const job = await ended('bytes')
  const [path] = await filesIn(folder)
  await truncate(path as string, 1000)
  const cut = await fetch(`${job}/result`)
  expect([cut.status, await cut.json()]).toMatchObject([
    409,
    { code: 'PAYLOAD_CORRUPT', detail: /expected 300000 bytes/ },
  ])
  await rm(path as string)
  const gone = await fetch(`${job}/result`)
  expect([gone.status, await gone.json()]).toMatchObject([409, { code: 'PAYLOAD_MISSING' }])
  expect((await fetch(job)).status).toBe(200)
  const other = await ended('bytes')
  await writeFile((await filesIn(folder))[0] as string, Buffer.alloc(300_000))
  const changed = await fetch(`${other}/result`)
  // It is known at its end only: the answer breaks off.
  const end = await changed.arrayBuffer().then(
    () => 'whole',
    () => 'broken off',
  )
  expect(end).toBe('broken off')
})
