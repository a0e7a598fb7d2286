import { describe, expect, test } from 'vitest'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { decodeTask, encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../../src/protocol/message.ts'
import { JSON_ONLY } from '../../src/protocol/serializer.ts'
import { ArgumentError, DecodeError, EncodeError } from '../../src/std/errors.ts'

const message: TaskMessage = {
  id: 'id-1',
  task: 'add',
  args: [1, 2],
  kwargs: {},
  embed: NOTHING_EMBEDDED,
  retries: 0,
  rootId: 'id-1',
  ignoreResult: false,
  headers: {},
}
const envelope = encodeTask(message, 'json')

function changed(headers: Record<string, unknown>, body: unknown = [[], {}, {}]): Envelope {
  return { ...envelope, headers: { ...envelope.headers, ...headers }, body: JSON.stringify(body) }
}

test('the envelope of a plain call', () => {
  expect(envelope).toEqual({
    headers: {
      lang: 'py',
      task: 'add',
      id: 'id-1',
      shadow: null,
      eta: null,
      expires: null,
      group: null,
      group_index: null,
      retries: 0,
      timelimit: [null, null],
      root_id: 'id-1',
      parent_id: null,
      argsrepr: '(1, 2)',
      kwargsrepr: '{}',
      origin: null,
      ignore_result: false,
      replaced_task_nesting: 0,
      stamped_headers: null,
      stamps: {},
    },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: 'id-1', deliveryMode: 2 },
    body: '[[1,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
  })
})

test('everything that a message holds comes back', () => {
  const full: TaskMessage = {
    ...message,
    args: [new Date(0), new Uint8Array([1]), 2n ** 60n],
    kwargs: { deep: { a: [null] } },
    embed: {
      callbacks: [{ task: 'x', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: true }],
      errbacks: null,
      chain: [],
      chord: { task: 'y', args: [1], kwargs: {}, options: { task_id: 'z' }, subtask_type: null, immutable: false },
    },
    eta: '2026-01-02T03:04:05.678901+00:00',
    expires: '2026-01-02T03:04:05+00:00',
    retries: 3,
    timeLimit: 1500,
    softTimeLimit: 1,
    parentId: 'p',
    group: 'g',
    groupIndex: 2,
    origin: 'gen1@h',
    priority: 5,
    replyTo: 'r',
    headers: { tenant: 'acme', flag: null },
    shadow: 's',
    replacedTaskNesting: 1,
    stampedHeaders: ['k'],
    stamps: { k: 'v' },
    argsrepr: '(hidden)',
    kwargsrepr: '{hidden}',
    expiration: 60_000,
    deliveryMode: 1,
  }
  for (const serializer of ['json', 'msgpack'] as const) {
    const accept = new Set([`application/${serializer === 'json' ? 'json' : 'x-msgpack'}`])
    expect(decodeTask(encodeTask(full, serializer), accept)).toEqual(full)
  }
})

describe('what cannot be written', () => {
  test.each<[Partial<TaskMessage>, new (...args: never[]) => Error, string]>([
    [{ args: [{ socket: () => 1 }] }, EncodeError, 'args[0].socket: functions cannot be sent'],
    [{ kwargs: { a: [new Map()] } }, EncodeError, 'kwargs.a[0]: instances of Map cannot be sent'],
    [{ headers: { id: 'x' } }, ArgumentError, 'headers: expected custom names, got "id", which the protocol uses'],
    [{ headers: { stamps: {} } }, ArgumentError, 'got "stamps"'],
    [{ headers: { when: new Date(0) } }, ArgumentError, 'headers.when: expected plain JSON data'],
    [{ headers: { f: { g: () => 1 } } }, EncodeError, 'headers.f.g: functions cannot be sent'],
  ])('%#', (part, kind, text) => {
    expect(() => encodeTask({ ...message, ...part }, 'json')).toThrow(kind)
    expect(() => encodeTask({ ...message, ...part }, 'json')).toThrow(text)
  })

  test('arguments and body share one depth limit, so that all that is sent can be read', () => {
    let value: unknown = 1
    for (let i = 0; i < 98; i++) value = [value]
    expect(decodeTask(encodeTask({ ...message, args: [value] }, 'json'), JSON_ONLY).args).toEqual([value])
    expect(() => encodeTask({ ...message, args: [[value]] }, 'json')).toThrow('nested deeper than 100 levels')
  })
})

describe('what cannot be read', () => {
  test.each<[Record<string, unknown>, unknown, string]>([
    [{ id: null }, undefined, 'header id: expected text, got null'],
    [{ id: 7 }, undefined, 'header id: expected text, got 7'],
    [{ task: '' }, undefined, 'header task: expected text, got ""'],
    [{ eta: 'soon' }, undefined, 'expected an ISO 8601 time, got "soon"'],
    [{ expires: 17 }, undefined, 'header expires: expected text, got 17'],
    [{ retries: -1 }, undefined, 'header retries: expected a whole number, got -1'],
    [{ timelimit: 30 }, undefined, 'header timelimit: expected [hard, soft], got 30'],
    [{ timelimit: ['30', null] }, undefined, 'header timelimit: expected seconds, got "30"'],
    [{ stamped_headers: 'x' }, undefined, 'header stamped_headers: expected a list of names, got "x"'],
    [{}, { args: [] }, 'task body: expected [args, kwargs, embed], got an object'],
    [{}, [{}, {}], 'args: expected an array, got an object'],
    [{}, [[], []], 'kwargs: expected an object, got an array'],
    [{}, [[], {}, 7], 'embed: expected an object, got 7'],
    [{}, [[], {}, { callbacks: [7] }], 'embed.callbacks[0]: expected a signature object, got number'],
    [{ compression: 'application/x-gzip' }, undefined, 'a compressed body must be bytes, got text'],
    [{ task: undefined }, undefined, 'got neither a header nor a body with the key "task"'],
    [{ task: undefined }, { task: 'x', args: [], kwargs: {} }, 'header id: expected text, got undefined'],
  ])('%#', (headers, body, text) => {
    expect(() => decodeTask(changed(headers, body), JSON_ONLY)).toThrow(DecodeError)
    expect(() => decodeTask(changed(headers, body), JSON_ONLY)).toThrow(text)
  })

  test('a content type that is not accepted', () => {
    const { contentType } = encodeTask(message, 'msgpack').properties
    expect(() => decodeTask(encodeTask(message, 'msgpack'), JSON_ONLY)).toThrow(
      `content type "${contentType}" is not accepted`,
    )
  })
})

test('a body without embed, and headers that older versions do not write, are read', () => {
  const bare: Envelope = {
    headers: { task: 'add', id: 'x' },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
    body: '[[1],{}]',
  }
  expect(decodeTask(bare, JSON_ONLY)).toMatchObject({ rootId: 'x', retries: 0, args: [1], embed: NOTHING_EMBEDDED })
})

test('times of protocol 1 without an offset are UTC, unless it says that they are not', () => {
  const v1 = (fields: object): Envelope => ({
    headers: {},
    properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
    body: JSON.stringify({ task: 'add', id: 'x', ...fields }),
  })
  expect(decodeTask(v1({ eta: '2026-01-02T03:04:05.678901' }), JSON_ONLY).eta).toBe('2026-01-02T03:04:05.678901+00:00')
  expect(decodeTask(v1({ eta: '2026-01-02T03:04:05', utc: false }), JSON_ONLY).eta).toBe('2026-01-02T03:04:05')
  expect(decodeTask(v1({ taskset: 'g' }), JSON_ONLY)).toMatchObject({ group: 'g', args: [], kwargs: {} })
})
