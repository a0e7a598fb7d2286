import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/std/errors.ts'
import { type AnyRow, defaultCode, type OptionTable, readGiven, readOptions } from '../../src/std/optionTable.ts'

interface Options {
  name: string
  every?: number | string | undefined
  size?: number | undefined
  level?: 'low' | 'mid' | 'high' | undefined
  loud?: boolean | undefined
  words?: string | undefined
}

interface Parsed {
  readonly name: string
  readonly every: number
  readonly size: number | undefined
  readonly level: 'low' | 'mid' | 'high'
  readonly loud: boolean
  readonly words: readonly string[] | undefined
}

const TABLE: OptionTable<Options, Parsed> = {
  name: { kind: 'text', required: true, doc: 'its name' },
  every: { kind: 'duration', default: '1m', check: requireMinute, doc: 'time between two' },
  size: { kind: 'count', min: 1, max: 9, absent: 'any', doc: 'how many' },
  level: { kind: 'choice', values: ['low', 'mid', 'high'], default: 'mid', doc: 'how loud' },
  loud: { kind: 'flag', default: false, doc: 'whether it is heard' },
  words: { kind: 'value', type: 'string', parse: (text) => text.split(' '), absent: 'none', doc: 'what it says' },
}

function requireMinute(ms: number, where: string): void {
  if (ms < 60_000) throw new ArgumentError(`${where}: expected at least 1 min`)
}

describe('readOptions', () => {
  it('has every option, with its default, parsed', () => {
    const silent = { name: 'a', every: 60_000, size: undefined, level: 'mid', loud: false, words: undefined }
    expect(readOptions(TABLE, { name: 'a', level: undefined }, 'Bell')).toStrictEqual(silent)
    const given: Options = { name: 'b', every: '2h', size: 3, level: 'low', loud: true, words: 'ding dong' }
    const parsed = { ...given, every: 7_200_000, words: ['ding', 'dong'] }
    expect(readOptions(TABLE, given, 'Bell')).toStrictEqual(parsed)
  })

  it.each<[object, string]>([
    [{ nam: 'a' }, 'Bell: unknown option nam; known are name, every, size, level, loud, words'],
    [{ toString: undefined }, 'Bell: unknown option toString; known are name, every, size, level, loud, words'],
    [{ name: '' }, 'Bell: name: expected 1 to 255 printable characters, got ""'],
    [{ every: 'now' }, 'Bell: every: expected milliseconds or a text like \'45s\' (ms, s, m, h, d, w), got "now"'],
    [{ every: '5s' }, 'Bell: every: expected at least 1 min'],
    [{ size: 0 }, 'Bell: size: expected a whole number from 1 to 9, got 0'],
    [{ size: 1.5 }, 'Bell: size: expected a whole number from 1 to 9, got 1.5'],
    [{ size: '3' }, 'Bell: size: expected a whole number from 1 to 9, got "3"'],
    [{ size: null }, 'Bell: size: expected a whole number from 1 to 9, got null'],
    [{ size: 3 }, 'Bell: name: expected a value, got none'],
    [{ level: 'top' }, "Bell: level: expected 'low', 'mid' or 'high', got \"top\""],
  ])('%j: %s', (options, message) => {
    const call = () => readOptions(TABLE, options as Options, 'Bell')
    expect(call).toThrow(ArgumentError)
    expect(call).toThrow(message)
  })

  it('names an option as the caller wishes', () => {
    expect(() => readOptions(TABLE, { size: 0 } as never, 'Bell', '')).toThrow(/^size: /)
    expect(() => readOptions(TABLE, 'loud' as never, 'Bell')).toThrow('Bell: expected an object of options, got "loud"')
  })
})

describe('readGiven', () => {
  it('has the options that are given, parsed', () => {
    expect(readGiven(TABLE, {} as never, 'Bell')).toStrictEqual({})
    const given = { every: '2m', size: undefined, words: 'a' }
    expect(readGiven(TABLE, given as never, 'Bell')).toStrictEqual({ every: 120_000, words: ['a'] })
  })

  it('checks as readOptions does', () => {
    expect(() => readGiven(TABLE, { size: 0 } as never, 'Bell')).toThrow('Bell: size: expected a whole number')
    expect(() => readGiven(TABLE, { sise: 1 } as never, 'Bell')).toThrow('Bell: unknown option sise')
    expect(() => readGiven(TABLE, { level: null } as never, 'Bell')).toThrow('Bell: level: expected ')
    expect(() => readGiven(TABLE, null as never, 'Bell')).toThrow('Bell: expected an object of options, got null')
  })
})

it.each([
  ['30s', "'30s'"],
  [5000, '5000'],
  [false, 'false'],
  [['a', 'b'], "['a', 'b']"],
  [undefined, undefined],
])('the default %j as code', (value, code) => {
  expect(defaultCode({ kind: 'value', doc: '', default: value } as AnyRow)).toBe(code)
})
