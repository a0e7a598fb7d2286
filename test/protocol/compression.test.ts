import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decompress } from '../../src/protocol/compression.ts'
import { decodeTask, encodeTask, NOTHING_EMBEDDED, type TaskMessage } from '../../src/protocol/message.ts'
import { CONTENT_TYPES } from '../../src/protocol/serializer.ts'
import { DecodeError } from '../../src/std/errors.ts'

const MESSAGE: TaskMessage = {
  id: '1',
  task: 'add',
  args: [1, 'ä', new Date(0)],
  kwargs: {},
  embed: NOTHING_EMBEDDED,
  retries: 0,
  rootId: '1',
  ignoreResult: false,
  headers: {},
}

describe('a compressed body', () => {
  it.each(['application/x-gzip', 'gzip', 'zlib'])('is read, as %s of either serializer', (compression) => {
    for (const serializer of ['json', 'msgpack'] as const) {
      const { headers, properties, body } = encodeTask(MESSAGE, serializer)
      const envelope = { headers: { ...headers, compression }, properties, body: deflateSync(body) }
      const read = decodeTask(envelope, new Set(Object.values(CONTENT_TYPES)))
      expect(read).toMatchObject({ args: MESSAGE.args, headers: {} })
    }
  })

  it('that Python has compressed is read', () => {
    // zlib.compress(b'[[1, 2], {}, {}]')
    const bytes = new Uint8Array(Buffer.from('789c8b8e36d451308ad551a8ae05e15800244204a8', 'hex'))
    expect(new TextDecoder().decode(decompress(bytes, 'application/x-gzip'))).toBe('[[1, 2], {}, {}]')
  })

  it('of more than the limit is refused', () => {
    const bomb = deflateSync(Buffer.alloc(1_000_001))
    expect(decompress(bomb, 'zlib', 1_000_001)).toHaveLength(1_000_001)
    expect(() => decompress(bomb, 'zlib', 1_000_000)).toThrow(/more than 1000000 bytes when decompressed/)
    expect(() => decompress(deflateSync(Buffer.alloc(65 * 1024 * 1024)), 'zlib')).toThrow(/more than 67108864 bytes/)
  })

  it.each([
    ['application/zstd', /compression "application\/zstd" is not known; known: application\/x-gzip, gzip, zlib/],
    [5, /compression 5 is not known/],
    [{}, /compression {} is not known/],
  ])('by %j is refused', (compression, reason) => {
    expect(() => decompress(new Uint8Array(), compression)).toThrow(reason)
  })

  it.each([
    ['gzip data', gzipSync('[]'), /not readable as zlib/],
    ['nothing', new Uint8Array(), /not readable as zlib/],
    ['half of it', deflateSync('[[1, 2], {}, {}]').subarray(0, 12), /not readable as zlib/],
    ['text', '[]', /must be bytes, got text/],
  ])('that is %s is refused', (_what, body, reason) => {
    expect(() => decompress(body, 'zlib')).toThrow(reason)
    expect(() => decompress(body, 'zlib')).toThrow(DecodeError)
  })
})
