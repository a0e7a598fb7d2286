import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseMultipart } from '../../src/http/input/multipart.ts'
import { ArgumentError, Celeriac } from '../../src/index.ts'
import { type Answer, build, type House } from './house.ts'

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 255, 13, 10])

const define = (app: Celeriac) => [
  app.task('images.echo', (image: unknown, ...more: unknown[]) => [image, ...more], {
    accepts: ['image/*', 'Application/PDF', 'multipart/form-data'],
  }),
  app.task({
    name: 'forms.take',
    input: z.looseObject({ title: z.string().optional() }),
    accepts: ['multipart/form-data', 'application/octet-stream'],
    run: (input) => input,
  }),
  app.task('tasks.add', (x: number, y: number) => x + y),
]

function form(parts: readonly [headers: string, content: string | Uint8Array][], boundary = 'XX'): Uint8Array {
  const pieces = parts.flatMap(([headers, content]) => [
    Buffer.from(`--${boundary}\r\n${headers}\r\n\r\n`),
    Buffer.from(content as string),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
}
const named = (name: string, more = ''): string => `Content-Disposition: form-data; name="${name}"${more}`

describe.each(['memory:', 'sqlite:'])('bodies that are not JSON on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { worker: true, http: { maxBody: 50_000 } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  const send = (task: string, type: string, body: Uint8Array | string): Promise<Answer> =>
    house.ask('POST', `/v1/tasks/${task}`, { headers: { 'content-type': type, prefer: 'wait=10' }, body })
  const resultOf = async (answer: Answer): Promise<unknown> => house.app.result(answer.json.id).get({ timeout: '10s' })

  test.each(['image/png', 'IMAGE/PNG; x=y', 'image/svg+xml', 'application/pdf'])('bytes as %s', async (type) => {
    const answer = await send('images.echo', type, PNG)
    expect([answer.status, answer.json.state]).toEqual([200, 'SUCCESS'])
    expect(await resultOf(answer)).toEqual([PNG])
  })

  test('bytes for a task with a schema are its `body`', async () => {
    expect(await resultOf(await send('forms.take', 'application/octet-stream', PNG))).toEqual({ body: PNG })
  })

  test('JSON is taken all the same', async () => {
    expect(await resultOf(await send('images.echo', 'application/json', '[1]'))).toEqual([1])
  })

  test('a form: fields and files by name, repeated names as lists', async () => {
    const body = form([
      [named('title'), 'Grüße'],
      [`${named('file', '; filename="a.png"')}\r\nContent-Type: image/png`, PNG],
      [named('tag'), 'a'],
      [named('tag'), ''],
      [`${named('meta')}\r\ncontent-type: application/json`, '{"n":12345678901234567890}'],
    ])
    expect(await resultOf(await send('forms.take', 'multipart/form-data; boundary=XX', body))).toEqual({
      title: 'Grüße',
      file: PNG,
      tag: ['a', ''],
      meta: { n: 12345678901234567890n },
    })
    expect(await resultOf(await send('images.echo', 'multipart/form-data; boundary="XX"', body))).toMatchObject([
      'Grüße',
      PNG,
      'a',
      '',
      {},
    ])
  })

  test('what a browser or fetch sends', async () => {
    const body = new FormData()
    body.set('title', 'x')
    body.set('file', new Blob([PNG], { type: 'image/png' }), 'a "quoted" name.png')
    const response = await fetch(`${house.server.url}/v1/tasks/forms.take`, { method: 'POST', body })
    const { id } = (await response.json()) as { id: string }
    expect(await house.app.result(id).get({ timeout: '10s' })).toEqual({ title: 'x', file: PNG })
  })

  test('the schema is asked before', async () => {
    const body = form([[named('title', '; filename="x"'), 'a file, not a text']])
    const answer = await send('forms.take', 'multipart/form-data; boundary=XX', body)
    expect([answer.status, answer.json.errors[0].pointer]).toEqual([422, '#/title'])
  })

  test.each([
    ['tasks.add', 'image/png', 'application/json'],
    ['tasks.add', 'multipart/form-data; boundary=XX', 'application/json'],
    ['images.echo', 'text/plain', 'application/json, image/*, application/pdf, multipart/form-data'],
    ['images.echo', 'image/', 'application/json, image/*, application/pdf, multipart/form-data'],
    ['images.echo', 'imagex/png', 'application/json, image/*, application/pdf, multipart/form-data'],
  ])('415: %s as %s', async (task, type, accept) => {
    const answer = await send(task, type, PNG)
    expect([answer.status, answer.json.type]).toEqual([415, 'urn:celeriac:problem:unsupported-media-type'])
    expect(answer.headers.accept).toBe(accept)
  })

  test('413 for more than maxBody', async () => {
    const answer = await send('images.echo', 'image/png', new Uint8Array(50_001))
    expect([answer.status, answer.json.type]).toEqual([413, 'urn:celeriac:problem:body-too-large'])
  })

  test.each<[string, string, string | Uint8Array]>([
    ['no boundary', 'multipart/form-data', 'x'],
    ['no delimiter', 'multipart/form-data; boundary=XX', 'x'],
    ['no end', 'multipart/form-data; boundary=XX', `--XX\r\n${named('a')}\r\n\r\nx`],
    ['no headers', 'multipart/form-data; boundary=XX', '--XX\r\n\r\nx\r\n--XX--'],
    ['no name', 'multipart/form-data; boundary=XX', form([['Content-Disposition: form-data', 'x']])],
    ['__proto__', 'multipart/form-data; boundary=XX', form([[named('__proto__'), 'x']])],
    ['bad JSON', 'multipart/form-data; boundary=XX', form([[`${named('a')}\r\nContent-Type: application/json`, '{']])],
    ['not UTF-8', 'multipart/form-data; boundary=XX', form([[named('a'), new Uint8Array([255])]])],
    ['101 parts', 'multipart/form-data; boundary=XX', form(Array.from({ length: 101 }, () => [named('a'), 'x']))],
    ['long headers', 'multipart/form-data; boundary=XX', form([[named('a', `; x="${'y'.repeat(9000)}"`), 'x']])],
  ])('400 for a form with %s', async (_why, type, body) => {
    const answer = await send('forms.take', type, body)
    expect([answer.status, answer.json.type]).toEqual([400, 'urn:celeriac:problem:malformed-body'])
  })
})

test('forms of any shape are parts or an error, never a throw', () => {
  const body = Buffer.from(
    form([
      [named('a'), '1'],
      [named('b', '; filename=x'), PNG],
      ['X: y', ''],
    ]),
  )
  for (let at = 0; at < body.length; at++) {
    expect(parseMultipart(body.subarray(0, at), 'multipart/form-data; boundary=XX').kind).toBe('error')
    const changed = Buffer.from(body)
    changed[at] = (changed[at] as number) ^ 0x1f
    parseMultipart(changed, 'multipart/form-data; boundary=XX')
  }
  expect(parseMultipart(Buffer.from('--XX--'), 'multipart/form-data; boundary=XX')).toEqual({
    kind: 'parts',
    parts: [],
  })
  const empty = form([[named('a'), '']])
  expect(parseMultipart(empty, 'multipart/form-data; boundary=XX')).toEqual({
    kind: 'parts',
    parts: [{ name: 'a', value: '' }],
  })
})

test.each(['image', '*/*', 'image/', ['image/*', 5], {}])('accepts: %j is refused', (accepts) => {
  const app = new Celeriac({ broker: 'memory:' })
  expect(() => app.task('x', () => 1, { accepts: accepts as string })).toThrow(ArgumentError)
})
