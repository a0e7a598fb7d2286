import { describe, expect, it } from 'vitest'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../../src/protocol/message.ts'
import { packMessage, readMessage } from '../../src/protocol/packedMessage.ts'

const ID = '0193a000-0000-7000-8000-000000000000'
const MESSAGE: TaskMessage = {
  id: ID,
  task: 'shop.add',
  args: [1, 2],
  kwargs: {},
  embed: NOTHING_EMBEDDED,
  retries: 0,
  rootId: ID,
  ignoreResult: false,
  headers: {},
  origin: 'gen1@host',
}
const encode = (fields: Partial<TaskMessage> = {}): Envelope => encodeTask({ ...MESSAGE, ...fields }, 'json')

/** As JSON carries it. */
const carried = (envelope: Envelope): unknown => JSON.parse(JSON.stringify(envelope))

function back(envelope: Envelope, id: string | null = ID): unknown {
  return JSON.parse(JSON.stringify(readMessage(packMessage(envelope), id)))
}

describe('a message in its columns', () => {
  it.each<[string, Partial<TaskMessage>]>([
    ['a usual call', {}],
    ['without arguments', { args: [] }],
    ['a retry in a tree', { retries: 3, rootId: 'root', parentId: 'parent' }],
    [
      'times and limits',
      { eta: '2026-01-01T00:00:00Z', expires: '2026-01-02T00:00:00Z', timeLimit: 1000, expiration: 5 },
    ],
    ['a soft limit', { softTimeLimit: 1500 }],
    ['links', { embed: { ...NOTHING_EMBEDDED, chain: [] } }],
    ['a group', { group: 'group', groupIndex: 0 }],
    ['custom headers', { headers: { trace: { id: 1 }, more: [null, 'text'] } }],
    ['stamps', { stampedHeaders: ['a'], stamps: { a: 1 }, replacedTaskNesting: 1 }],
    ['properties', { priority: 0, replyTo: 'queue', deliveryMode: 1, shadow: 'shown', ignoreResult: true }],
  ])('%s is read as it was written, in the same order', (_, fields) => {
    const envelope = encode(fields)
    expect(back(envelope)).toEqual(carried(envelope))
    const { headers } = readMessage(packMessage(envelope), ID)
    expect(Object.keys(headers)).toEqual(Object.keys(envelope.headers))
  })

  it.each<[string, (envelope: Envelope) => Envelope]>([
    [
      'msgpack',
      ({ properties, ...rest }) => ({
        ...rest,
        properties: { ...properties, contentType: 'application/x-msgpack', contentEncoding: 'binary' },
      }),
    ],
    [
      'no delivery mode',
      ({ properties, ...rest }) => ({ ...rest, properties: { ...properties, deliveryMode: undefined } }),
    ],
    ['without a usual header', ({ headers: { shadow: _, ...headers }, ...rest }) => ({ ...rest, headers })],
    ['an undefined header', ({ headers, ...rest }) => ({ ...rest, headers: { ...headers, shadow: undefined } })],
    [
      'values of other kinds',
      ({ headers, ...rest }) => ({
        ...rest,
        headers: { ...headers, timelimit: null, stamps: null, lang: 'js', id: 'other' },
      }),
    ],
    [
      'limits with more',
      ({ headers, ...rest }) => ({ ...rest, headers: { ...headers, timelimit: [null, null, 1], stamps: [] } }),
    ],
    [
      'the key __proto__',
      ({ headers, ...rest }) => ({ ...rest, headers: { ...headers, ...JSON.parse('{"__proto__":1}') } }),
    ],
  ])('%s: the same', (_, change) => {
    const envelope = change(encode())
    expect(back(envelope)).toEqual(carried(envelope))
  })

  it('a message that calls no task has both as they are', () => {
    const envelope = {
      headers: { reply: 1 },
      properties: { contentType: 'text/plain', contentEncoding: 'utf-8' },
      body: '',
    }
    expect(packMessage(envelope)).toEqual({ head: JSON.stringify([envelope.headers, envelope.properties]), body: '' })
    expect(back(envelope, null)).toEqual(carried(envelope))
  })

  it('what is usual takes no space', () => {
    const envelope = encode()
    expect(packMessage(envelope)).toEqual({
      head: '[{"task":"shop.add","argsrepr":"(1, 2)","origin":"gen1@host"},{},2]',
      body: '[[1,2],{}',
    })
  })

  it('two messages share no object', () => {
    const [first, second] = [readMessage(packMessage(encode()), ID), readMessage(packMessage(encode()), ID)]
    expect(first.headers.stamps).not.toBe(second.headers.stamps)
    expect(first.headers.timelimit).not.toBe(second.headers.timelimit)
  })
})
