import { describe, expect, it } from 'vitest'
import {
  controlReply,
  controlRequest,
  isMeant,
  readReply,
  readRequest,
  replyQueue,
  revokeRequest,
} from '../../src/protocol/control.ts'
import { DecodeError } from '../../src/std/errors.ts'

const ME = 'celery@web-1'

describe('a request', () => {
  it('is written as Celery writes it', () => {
    const replyTo = { exchange: 'reply.celery.pidbox', routingKey: 'oid' }
    const { envelope, route } = controlRequest({ method: 'ping', arguments: {}, ticket: 't', replyTo })
    expect(route).toEqual({ exchange: 'celery.pidbox', routingKey: '' })
    expect(envelope.properties).toMatchObject({ contentType: 'application/json', contentEncoding: 'utf-8' })
    expect(JSON.parse(envelope.body as string)).toEqual({
      method: 'ping',
      arguments: {},
      destination: null,
      pattern: null,
      matcher: null,
      ticket: 't',
      reply_to: { exchange: 'reply.celery.pidbox', routing_key: 'oid' },
    })
    expect(replyQueue('oid')).toBe('oid.reply.celery.pidbox')
  })

  it('to revoke wants no reply', () => {
    expect(JSON.parse(revokeRequest('1', true).envelope.body as string)).toEqual({
      method: 'revoke',
      arguments: { task_id: '1', terminate: true, signal: 'SIGTERM' },
      destination: null,
      pattern: null,
      matcher: null,
    })
  })

  it('is read back', () => {
    const request = {
      method: 'revoke',
      arguments: { task_id: ['1'] },
      destination: [ME],
      pattern: 'celery@*',
      matcher: 'glob',
      ticket: 't',
      replyTo: { exchange: 'reply.celery.pidbox', routingKey: 'oid' },
    }
    expect(readRequest(JSON.parse(controlRequest(request).envelope.body as string))).toEqual(request)
    expect(readRequest({ method: 'ping', destination: ME })).toEqual({
      method: 'ping',
      arguments: {},
      destination: [ME],
      pattern: undefined,
      matcher: undefined,
      ticket: undefined,
      replyTo: undefined,
    })
  })

  it.each([null, 5, [], {}, { method: 5 }])('%j is none', (body) => {
    expect(() => readRequest(body)).toThrow(DecodeError)
  })

  it.each<[object, boolean]>([
    [{}, true],
    [{ destination: [ME, 'x'] }, true],
    [{ destination: ['x'] }, false],
    // The destination rules, as in kombu.
    [{ destination: [ME], pattern: 'x', matcher: 'glob' }, true],
    [{ pattern: 'x' }, true],
    [{ pattern: 'celery@*', matcher: 'glob' }, true],
    [{ pattern: 'celery@web-?', matcher: 'glob' }, true],
    [{ pattern: 'celery@web-[123]', matcher: 'glob' }, true],
    [{ pattern: 'celery@web-[0-1]', matcher: 'glob' }, true],
    [{ pattern: 'celery@web-[!1]', matcher: 'glob' }, false],
    [{ pattern: 'celery', matcher: 'glob' }, false],
    [{ pattern: 'celery.web-1', matcher: 'glob' }, false],
  ])('with %j is for us: %s', (fields, meant) => {
    expect(isMeant(readRequest({ method: 'ping', ...fields }), ME)).toBe(meant)
  })

  it.each([
    [{ pattern: '.*web-\\d$', matcher: 'pcre' }, /the matcher pcre is not supported, .*: use glob/],
    [{ pattern: '((a+)+)+$', matcher: 'pcre' }, /the matcher pcre is not supported/],
    [{ pattern: 'x', matcher: 'sql' }, /expected the matcher glob, got "sql"/],
  ])('with %j is refused', (fields, reason) => {
    expect(() => isMeant(readRequest({ method: 'ping', ...fields }), ME)).toThrow(reason)
  })
})

it('a long pattern is refused', () => {
  const request = readRequest({ method: 'ping', pattern: '*'.repeat(1001), matcher: 'glob' })
  expect(() => isMeant(request, ME)).toThrow(/expected a pattern of at most 1000 characters, got 1001/)
})

describe('a reply', () => {
  it('is written as Celery writes it, and read', () => {
    const to = { exchange: 'reply.celery.pidbox', routingKey: 'oid' }
    const { envelope, route } = controlReply({ ok: 'pong' }, { hostname: ME, ticket: 't', to, serializer: 'json' })
    expect(route).toEqual(to)
    expect(envelope.headers).toEqual({ ticket: 't', clock: 0 })
    expect(envelope.properties).toMatchObject({ contentType: 'application/json', deliveryMode: 1 })
    expect(readReply(JSON.parse(envelope.body as string))).toEqual({ [ME]: { ok: 'pong' } })
  })

  it('is an object of host names', () => {
    expect(() => readReply(['pong'])).toThrow(DecodeError)
  })
})
