import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  CeleriacError,
  ConfigError,
  EncodeError,
  PayloadTooLargeError,
  Reject,
  Retry,
  RetryAfter,
  StoreUnavailableError,
  UnknownJobError,
  ValidationError,
} from '../../src/std/errors.ts'

describe('errors', () => {
  it.each([
    [new ArgumentError('x'), 'ArgumentError', 'INVALID_ARGUMENT', TypeError],
    [new EncodeError('x'), 'EncodeError', 'CANNOT_ENCODE', TypeError],
    [new PayloadTooLargeError('x', 2, 1), 'PayloadTooLargeError', 'PAYLOAD_TOO_LARGE', ArgumentError],
    [new ValidationError('x', []), 'ValidationError', 'INVALID_INPUT', ArgumentError],
    [new ConfigError('x'), 'ConfigError', 'INVALID_CONFIG', CeleriacError],
    [new StoreUnavailableError('x'), 'StoreUnavailableError', 'STORE_UNAVAILABLE', CeleriacError],
    [new UnknownJobError('x'), 'UnknownJobError', 'UNKNOWN_JOB', CeleriacError],
    [new RetryAfter(5), 'RetryAfter', 'RETRY', Retry],
    [new Reject(), 'Reject', 'REJECT', CeleriacError],
  ])('%s: name and code', (error, name, code, kind) => {
    expect(error).toMatchObject({ name, code })
    expect(error).toBeInstanceOf(kind)
  })

  it('keep their cause', () => {
    const cause = new Error('below')
    expect(new StoreUnavailableError('x', { cause }).cause).toBe(cause)
    expect(new Retry('x', 10, { cause })).toMatchObject({ cause, delay: 10 })
  })
})

describe('RetryAfter.from', () => {
  const from = (value: string | undefined): number | undefined => {
    const headers = new Headers(value === undefined ? {} : { 'Retry-After': value })
    return RetryAfter.from(new Response(null, { status: 503, headers })).delay
  }

  it.each([
    ['0', 0],
    ['1', 1000],
    [' 120 ', 120_000],
  ])('seconds: %j', (value, expected) => expect(from(value)).toBe(expected))

  it('a date: until then', () => {
    const at = new Date(Date.now() + 90_000)
    const delay = from(at.toUTCString()) ?? -1
    // The header has whole seconds.
    expect(delay).toBeGreaterThan(80_000)
    expect(delay).toBeLessThanOrEqual(90_000)
  })

  it('a date that is past: now', () => expect(from('Wed, 21 Oct 2015 07:28:00 GMT')).toBe(0))

  it.each([undefined, '', 'soon', '-5x'])('one second for %j', (value) => expect(from(value)).toBe(1000))

  it('names the status', () => {
    expect(RetryAfter.from(new Response(null, { status: 429 })).message).toBe('HTTP 429 asked to wait')
  })
})
