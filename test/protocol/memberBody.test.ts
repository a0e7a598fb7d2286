import { describe, expect, it } from 'vitest'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { readMemberBody } from '../../src/protocol/memberBody.ts'
import { decodeTask, encodeTask, LikeEncoder, type TaskMessage } from '../../src/protocol/message.ts'
import { JSON_ONLY } from '../../src/protocol/serializer.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'

const chord: SignatureData = {
  task: 'sum',
  args: [1],
  kwargs: { how: 'fast' },
  options: { task_id: 'body', headers: { n: 9007199254740993n } },
  subtask_type: null,
  immutable: false,
}

function messageOf(index: number, args: readonly unknown[], kwargs = {}): TaskMessage {
  return {
    id: `member-${index}`,
    task: 'add',
    args,
    kwargs,
    embed: { callbacks: null, errbacks: null, chain: null, chord },
    retries: 0,
    rootId: 'root',
    group: 'g',
    groupIndex: index,
    origin: 'here',
    ignoreResult: false,
    headers: { own: 1 },
    replyTo: 'replies',
    priority: 3,
  }
}

/** Of a member of no group, the whole body is read at once. */
function decodedWhole(envelope: Envelope): Pick<TaskMessage, 'args' | 'kwargs' | 'embed'> {
  const { args, kwargs, embed } = decodeTask({ ...envelope, headers: { ...envelope.headers, group: null } }, JSON_ONLY)
  return { args, kwargs, embed }
}

const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  none: [],
  'plain values': [1, 'two', null, [3], { four: 4 }],
  'texts that look like an embed': ['{"callbacks":null}', ',{"callbacks":null,"errbacks":null}]', '"]'],
  'objects that look like one': [{ callbacks: null, errbacks: [] }],
  'unusual numbers': [9007199254740993n, Number.NaN, Number.POSITIVE_INFINITY, -0],
  'typed values': [new Date(0), new Uint8Array([1, 255])],
  'texts of all kinds': ['ü', '\ud83d\ude00', '\n'],
}

describe('the body of a member', () => {
  it.each(Object.entries(ARGUMENTS))('is read as any other: %s', (_name, args) => {
    const envelope = encodeTask(messageOf(0, args, { key: args }), 'json')
    for (const _ of [1, 2])
      expect(decodeTask(envelope, JSON_ONLY)).toMatchObject({ ...decodedWhole(envelope), groupIndex: 0 })
  })

  it('as Celery writes it', () => {
    const body =
      '[[1, {"callbacks": 2}], {"a": NaN}, {"callbacks": null, "errbacks": null, "chain": null, "chord": {"task": "sum", "args": [], "kwargs": {}, "options": {"task_id": "b"}, "subtask_type": null, "immutable": false}}]'
    const envelope = { ...encodeTask(messageOf(0, []), 'json'), body }
    expect(decodeTask(envelope, JSON_ONLY)).toMatchObject(decodedWhole(envelope))
    expect(readMemberBody(body)?.[0]).toEqual([1, { callbacks: 2 }])
  })

  it('has the same frozen embed in all members of a header', () => {
    const [one, other] = [0, 1].map((at) => decodeTask(encodeTask(messageOf(at, [at]), 'json'), JSON_ONLY))
    expect(one?.embed.chord).toBe(other?.embed.chord)
    expect(() => Object.assign(one?.embed.chord?.options ?? {}, { task_id: 'another' })).toThrow(TypeError)
  })

  it('is left to the whole reading where it is not one', () => {
    const end = '{"callbacks":null,"errbacks":null,"chain":null,"chord":{"task":"sum"}}]'
    for (const text of [
      '[[1],{},{"chord":{}}]',
      `[[1],${end}`,
      `[[1],{},{},${end}`,
      `[[1],{}${end}`,
      `[[1],{},,${end}`,
      `[[1],{},${end}]`,
      `[[1],{},${end.slice(0, -1)}`,
      `[[1],{},${end.slice(0, -2)}]`,
      '[[1],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]',
      '[[1],{},{"callbacks":null,"chord":{"task":"sum","args":[{"__type__":"datetime","__value__":"2026-01-01"}]}}]',
    ])
      expect([text, readMemberBody(text)]).toEqual([text, undefined])
  })
})

describe('a message that is like another one', () => {
  it.each(Object.entries(ARGUMENTS))('is encoded as by itself: %s', (_name, args) => {
    for (const serializer of ['json', 'msgpack'] as const) {
      const first = messageOf(0, ['first'])
      const encoder = new LikeEncoder(first, encodeTask(first, serializer), true)
      const message = messageOf(7, args, { key: args })
      expect(encoder.encode(message)).toEqual(encodeTask(message, serializer))
    }
  })

  it('names what cannot be sent by its path', () => {
    const first = messageOf(0, [])
    const encoder = new LikeEncoder(first, encodeTask(first, 'json'), false)
    expect(() => encoder.encode(messageOf(1, [], { at: [new Date(0)] }))).toThrow(/^kwargs\.at\[0\]: a Date cannot be/)
  })
})
