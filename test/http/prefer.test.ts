import { describe, expect, test } from 'vitest'
import { grantedWait, parsePrefer, preferenceApplied } from '../../src/http/input/prefer.ts'

describe('Prefer', () => {
  test.each<[string | null, number | undefined, boolean]>([
    [null, undefined, false],
    ['', undefined, false],
    ['wait=10', 10, false],
    ['respond-async', undefined, true],
    ['respond-async, wait=2', 2, true],
    ['wait=2,respond-async', 2, true],
    ['Wait = "7" ; foo=bar; baz', 7, false],
    ['RESPOND-ASYNC;x', undefined, true],
    ['respond-async=""', undefined, true],
    ['respond-async=1', undefined, false],
    ['wait=1, wait=9', 1, false],
    ['return=minimal; foo="a, wait=3", wait=4', 4, false],
    [', ,wait=5,', 5, false],
    ['wait', undefined, false],
    ['wait=', undefined, false],
    ['wait=-1', undefined, false],
    ['wait=1.5', undefined, false],
    ['wait=1e9', undefined, false],
    ['wait=99999999999', undefined, false],
    ['"wait=3"', undefined, false],
    ['@@@, wait=3', 3, false],
    ['wait=3 @@@, respond-async', undefined, true],
    ['foo="unclosed, wait=3', 3, false],
    ['__proto__=1, constructor=2, wait=3', 3, false],
  ])('%j is wait=%s, respond-async %s', (header, wait, respondAsync) => {
    expect(parsePrefer(header)).toEqual({ wait, respondAsync })
  })

  test('a header that is made to be slow is read at once', () => {
    const began = performance.now()
    for (const piece of ['a;  ;  ;', 'a = ', '"\\"', ';\t', 'wait=1 ;', ' ']) {
      parsePrefer(`${piece.repeat(990 / piece.length)}@`)
      parsePrefer(piece.repeat(100_000))
    }
    expect(performance.now() - began).toBeLessThan(100)
  })

  test('30 s at most are granted, and what was applied is told', () => {
    expect(grantedWait(parsePrefer('wait=10'))).toBe(10)
    expect(grantedWait(parsePrefer('wait=31'))).toBe(30)
    expect(grantedWait(parsePrefer('wait=0'))).toBe(0)
    expect(grantedWait(parsePrefer(null))).toBeUndefined()
    expect(preferenceApplied(2, true)).toBe('respond-async, wait=2')
    expect(preferenceApplied(undefined, false)).toBeUndefined()
  })
})
