import { describe, expect, test } from 'vitest'
import { decodeException, encodeException } from '../../src/protocol/exception.ts'
import { pythonIso } from '../../src/protocol/iso.ts'
import { decodeTask, encodeTask, type TaskMessage } from '../../src/protocol/message.ts'
import { readMeta } from '../../src/protocol/result.ts'
import { deserialize, type SerializerName } from '../../src/protocol/serializer.ts'
import { capture, envelopeOf, type RawMessage, readByPython } from './golden/golden.ts'

const ALL = new Set(['application/json', 'application/x-msgpack'])
const NEWER = ['replaced_task_nesting', 'stamped_headers', 'stamps']
const { messages, metas } = await capture()
const v2 = Object.entries(messages).filter(([name]) => name !== 'protocol 1')

function decoded(name: string): TaskMessage {
  return decodeTask(envelopeOf(messages[name] as RawMessage), ALL)
}

describe('messages of Python Celery', () => {
  test.each(v2)('%s: read, and written again, it is the same', (name, raw) => {
    const envelope = envelopeOf(raw)
    const message = decodeTask(envelope, ALL)
    const serializer: SerializerName = raw['content-type'] === 'application/json' ? 'json' : 'msgpack'
    const ours = encodeTask({ ...message, argsrepr: undefined, kwargsrepr: undefined }, serializer)
    const headers = Object.entries(ours.headers).filter(([key]) => !NEWER.includes(key))
    const expected = { ...raw.headers }
    // Celery shows bytes as bare hex digits, we as Python itself does.
    if (name === 'msgpack') expected.argsrepr = "(2, b'\\x00\\xff', 1099511627776, 1152921504606846976)"
    expect(headers).toEqual(Object.entries(expected))
    expect(ours.properties).toEqual(envelope.properties)
    const read = (body: string | Uint8Array) =>
      deserialize(body, ours.properties.contentType, ours.properties.contentEncoding, ALL)
    expect(read(ours.body)).toEqual(read(envelope.body))
  })

  test('the three headers that are newer than the installed Celery are written last', () => {
    const { headers } = encodeTask(decoded('positional'), 'json')
    expect(Object.keys(headers).slice(-4)).toEqual(['ignore_result', ...NEWER])
    expect(headers).toMatchObject({ replaced_task_nesting: 0, stamped_headers: null, stamps: {} })
  })

  test('each part is found', () => {
    expect(decoded('positional')).toMatchObject({ task: 'math.add', args: [2, 3], kwargs: {}, retries: 0, headers: {} })
    expect(decoded('keywords').kwargs).toEqual({ x: 1.5, y: null, z: true, "it's": "a 'quoted' text" })
    expect(decoded('eta').eta).toBe('2026-01-02T03:04:05.678901+00:00')
    expect(decoded('countdown').eta).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/)
    expect(decoded('expires').expires).toBe(pythonIso(new Date('2099-01-02T03:04:05Z')))
    expect(decoded('expires').expiration).toBeGreaterThan(1e9)
    expect(decoded('limits')).toMatchObject({ timeLimit: 30_000, softTimeLimit: 20_500 })
    expect(decoded('priority').priority).toBe(7)
    expect(decoded('headers').headers).toEqual({ tenant: 'acme', trace: { id: [1, 2] } })
    expect(decoded('options')).toMatchObject({
      id: 'my-id',
      rootId: 'root',
      parentId: 'parent',
      group: 'group',
      groupIndex: 4,
      retries: 2,
      shadow: 'shown',
      ignoreResult: true,
      replyTo: 'replies',
    })
    expect(decoded('msgpack').args).toEqual([2, new Uint8Array([0, 255]), 2 ** 40, 2n ** 60n])
    expect(decoded('unicode').args).toEqual(['café ✓ 😀', 1e-7, 1e22, -0.5, 12345678901234567890n])
  })

  test('links, chains and chords are found', () => {
    expect(decoded('chain').embed.chain?.map(({ args, immutable }) => ({ args, immutable }))).toEqual([
      { args: [4, 5], immutable: true },
      { args: [3], immutable: false },
    ])
    expect(decoded('chain').embed.chain?.[1]?.options).toMatchObject({ queue: 'other' })
    expect(decoded('callback').embed.callbacks).toMatchObject([{ task: 'math.add', args: [10] }])
    expect(decoded('callback').embed.errbacks).toMatchObject([{ task: 'math.total' }])
    expect(decoded('chord').embed.chain).toMatchObject([{ task: 'celery.chord', subtask_type: 'chord' }])
    expect(decoded('chord part').embed.chord).toMatchObject({ task: 'math.total' })
  })

  test('protocol 1', () => {
    const message = decoded('protocol 1')
    expect(message).toMatchObject({
      task: 'math.add',
      id: messages['protocol 1']?.properties.correlation_id,
      args: [2, 3],
      kwargs: { k: 1 },
      timeLimit: 30_000,
      softTimeLimit: 20_000,
      expiration: 3_600_000,
      headers: {},
      embed: { callbacks: [{ task: 'math.add', args: [1] }], chain: null },
    })
    expect(message.rootId).toBe(message.id)
    expect(message.eta).toMatch(/\+00:00$/)
  })
})

describe('result metas of Python Celery', () => {
  const read = (name: string) => readMeta(deserialize(metas[name] as string, 'application/json', 'utf-8', ALL))

  test('success, custom state and start', () => {
    expect(read('success')).toMatchObject({ task_id: 'the-id', status: 'SUCCESS', result: { total: 5, parts: [2, 3] } })
    expect(read('success')).toMatchObject({
      name: 'math.add',
      worker: 'celery@host',
      queue: 'celery',
      retries: 1,
      children: [],
    })
    expect(read('custom')).toMatchObject({ status: 'PROGRESS', result: { done: 3, of: 10 }, date_done: null })
    expect(read('started')).toMatchObject({ status: 'STARTED', result: { pid: 1, hostname: 'celery@host' } })
  })

  test.each([
    ['failure', { type: 'ValueError', message: "('boom', 1)", module: 'builtins', args: ['boom', 1] }],
    ['not registered', { type: 'NotRegistered', message: 'math.missing', module: 'celery.exceptions' }],
    ['time limit', { type: 'TimeLimitExceeded', message: '30', module: 'billiard.exceptions', args: [30] }],
    ['no message', { type: 'KeyError', message: '', module: 'builtins', args: [] }],
    ['retry', { type: 'ValueError', message: 'boom', module: 'builtins' }],
    ['revoked', { type: 'TaskRevokedError', message: 'terminated', module: 'celery.exceptions' }],
  ])('%s', (name, expected) => {
    expect(decodeException(read(name).result)).toEqual(expected)
  })

  test.each(['not registered', 'retry', 'revoked'])('%s: written again, it is the same', (name) => {
    expect(encodeException(decodeException(read(name).result))).toEqual(read(name).result)
  })

  test('the traceback is a field of its own', () => {
    expect(read('failure').traceback).toContain('ValueError: boom')
  })
})

describe('our messages, as a Python worker reads them', async () => {
  const message: TaskMessage = {
    id: 'id-1',
    task: 'math.add',
    args: [1, "naïve 'text'\n\u0000\u2028", [1.5, true, null, { a: [] }]],
    kwargs: { when: '2026', 'odd key': -7 },
    embed: {
      callbacks: [{ task: 'math.add', args: [1], kwargs: {}, options: {}, subtask_type: null, immutable: false }],
      errbacks: null,
      chain: null,
      chord: null,
    },
    eta: pythonIso(new Date('2026-01-02T03:04:05.123Z')),
    expires: pythonIso(new Date('2099-01-02T03:04:05Z')),
    retries: 2,
    timeLimit: 30_000,
    softTimeLimit: 1500,
    rootId: 'root',
    parentId: 'parent',
    origin: 'gen1@host',
    ignoreResult: true,
    headers: { tenant: 'acme' },
  }
  const plain: TaskMessage = {
    ...message,
    args: [2n ** 70n, -0, 2 ** 60, 1e-7],
    kwargs: {},
    embed: { ...message.embed, callbacks: null },
  }
  const packed = { ...plain, args: [new Uint8Array([0, 255]), 2 ** 40, 2n ** 63n, 2 ** 60, Number.NaN, 'é'] }
  const dated = { ...plain, args: [new Date('2026-01-02T03:04:05.123Z')] }
  const [first, second, third, fourth] = await readByPython([
    encodeTask(message, 'json'),
    encodeTask(plain, 'json'),
    encodeTask(packed, 'msgpack'),
    encodeTask(dated, 'msgpack'),
  ])

  test('headers, properties and body arrive', () => {
    expect(first).toEqual({
      args: "[1, \"naïve 'text'\\n\\x00\\u2028\", [1.5, True, None, {'a': []}]]",
      kwargs: "{'when': '2026', 'odd key': -7}",
      embed: { ...message.embed },
      id: 'id-1',
      name: 'math.add',
      root: 'root',
      parent: 'parent',
      eta: '2026-01-02T03:04:05.123000+00:00',
      expires: '2099-01-02T03:04:05+00:00',
      timelimit: [30, 1.5],
      retries: 2,
      tenant: 'acme',
      correlation_id: 'id-1',
      ignore_result: true,
      argsrepr: "(1, \"naïve 'text'\\n\\x00\\u2028\", [1.5, True, None, {'a': [Ellipsis]}])",
    })
  })

  test('integers stay integers and floats stay floats', () => {
    expect(second?.args).toBe(`[${2n ** 70n}, -0.0, 1.152921504606847e+18, 1e-07]`)
    expect(second?.argsrepr).toBe(`(${2n ** 70n}, -0.0, 1.152921504606847e+18, 1e-07)`)
  })

  test('msgpack carries bytes, 64-bit integers and times', () => {
    expect(third?.args).toBe("[b'\\x00\\xff', 1099511627776, 9223372036854775808, 1.152921504606847e+18, nan, 'é']")
    expect(fourth?.args).toBe('[Timestamp(seconds=1767323045, nanoseconds=123000000)]')
  })
})
