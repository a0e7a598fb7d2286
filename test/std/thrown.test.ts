import { describe, expect, it } from 'vitest'
import { asError } from '../../src/std/thrown.ts'
import { hostile, KINDS } from '../worker/hostile/values.ts'

describe('asError', () => {
  it('an ordinary error is itself, with its causes', () => {
    const error = Object.assign(new RangeError('far', { cause: new Error('near') }), { code: 'E_FAR' })
    expect(asError(error)).toBe(error)
  })

  it('what is no error says what it is', () => {
    expect(asError('text').message).toBe('text')
    expect(asError(undefined).message).toBe('undefined was thrown')
    expect(asError({ reason: 1 }).message).toBe('{"reason":1} was thrown')
  })

  it.each(KINDS)('is an error that can be read: %s', (name) => {
    const error = asError(hostile(name))
    expect([typeof error.name, typeof error.message, typeof error.stack]).toEqual(['string', 'string', 'string'])
    expect(() => ({ ...error })).not.toThrow()
  })
})
