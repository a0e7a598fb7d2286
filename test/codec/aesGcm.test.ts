import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { aesGcm, type SealedField } from '../../src/codec/aesGcm.ts'
import { CodecError } from '../../src/std/errors.ts'
import { codecOf, KEYS } from './keys.ts'

const place = { taskId: 'task', field: 'message' } as const

describe('aesGcm', () => {
  test('what is sealed is opened at its place, and the same bytes are never sealed alike', () => {
    const codec = codecOf()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.string(), (bytes, taskId) => {
        const at = { taskId, field: 'result' } as const
        const [one, other] = [codec.seal(bytes, at), codec.seal(bytes, at)]
        expect(one.headers).toEqual({ key: 'new' })
        expect(Buffer.compare(one.bytes, other.bytes)).not.toBe(0)
        expect(new Uint8Array(codec.open(one, at))).toEqual(bytes)
      }),
      { numRuns: 100 },
    )
  })

  test('any changed byte is refused, and so is any other length', () => {
    const codec = codecOf()
    const { bytes, headers } = codec.seal(Buffer.from('text'), place)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] as number) ^ 1
      expect(() => codec.open({ bytes: changed, headers }, place)).toThrow(CodecError)
    }
    for (let length = 0; length < bytes.length; length++)
      expect(() => codec.open({ bytes: bytes.subarray(0, length), headers }, place)).toThrow(CodecError)
  })

  test('at another task, field or border between them it is refused', () => {
    const codec = codecOf()
    const sealed = codec.seal(Buffer.from('text'), place)
    const others: [string, string][] = [
      ['other', 'message'],
      ['task', 'result'],
      ['', 'task\0message'],
      ['task\0', 'message'],
    ]
    for (const [taskId, field] of others)
      expect(() => codec.open(sealed, { taskId, field: field as SealedField })).toThrow(/was changed, moved here/)
  })

  test('old keys open what they sealed; a key that is not here is named', () => {
    const sealed = codecOf('old').seal(Buffer.from('text'), place)
    expect(String(codecOf('new').open(sealed, place))).toBe('text')
    const { new: only } = KEYS
    const without = aesGcm({ keys: { new: only as Uint8Array } })
    expect(() => without.open(sealed, place)).toThrow(
      expect.objectContaining({ code: 'NO_KEY', message: 'sealed with the key "old": this process has the keys new' }),
    )
    const wrong = aesGcm({ keys: { old: randomBytes(32) } })
    expect(() => wrong.open(sealed, place)).toThrow(/sealed with another key of the name old/)
  })

  test.each([
    [undefined, 'aesGcm: expected an object with keys, got undefined'],
    ['c2VjcmV0', 'aesGcm: expected an object with keys, got a string'],
    [{ keys: null }, 'aesGcm: keys: expected an object of keys by their names, got null'],
    [{ keys: {} }, 'aesGcm: keys: expected an object of keys by their names, got an empty one'],
    [{ keys: 'c2VjcmV0' }, 'aesGcm: keys: expected an object of keys by their names, got a string'],
    [{ keys: { a: 'c2VjcmV0' } }, 'aesGcm: keys.a: expected 32 bytes, got 6'],
    [{ keys: { a: 5 } }, 'aesGcm: keys.a: expected 32 bytes or their base64, got a number'],
    [{ keys: { 'a b': randomBytes(32) } }, /keys: expected names of 1 to 64 letters/],
    [{ keys: KEYS }, 'aesGcm: seal: expected one of old, new, got undefined'],
    [{ keys: KEYS, seal: 'x' }, 'aesGcm: seal: expected one of old, new, got "x"'],
    [{ keys: KEYS, sael: 'new' }, /unknown option sael/],
  ])('refuses %j without showing a key', (options, message) => {
    expect(() => aesGcm(options as never)).toThrow(message)
  })

  test('nothing shows its keys', () => {
    const codec = aesGcm({ keys: { a: Buffer.alloc(32, 'k') } })
    const app = new App({ broker: 'memory:', codec, logger: false })
    for (const text of [
      inspect(codec, { depth: 9, showHidden: true }),
      JSON.stringify(codec),
      inspect(app.config.codec),
    ])
      expect(text).not.toMatch(/kkkk|a2tr|6b6b/)
  })

  test('an app takes an object with both functions alone', () => {
    const codecs: unknown[] = [{ seal: () => undefined }, 5, { secret: 'key' }]
    for (const codec of codecs)
      expect(() => new App({ codec: codec as never })).toThrow(
        /^codec: expected an object with the functions seal and open, got (?:an object without them|5)$/,
      )
  })
})
