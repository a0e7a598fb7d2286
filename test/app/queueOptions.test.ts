import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { ArgumentError } from '../../src/std/errors.ts'

describe('queues', () => {
  test('are taken as they are; RabbitMQ has its results by rpc unless told otherwise', () => {
    const queues = { mail: { type: 'quorum' }, celery: { maxPriority: 10, arguments: { 'x-max-length': 5 } } } as const
    const config = parseConfig({ broker: 'amqp://h', queues })
    expect([config.queues, String(config.backend)]).toEqual([queues, 'rpc://'])
    expect(String(parseConfig({ broker: 'amqps://h;amqps://i', backend: 'redis://h' }).backend)).toBe('redis://h')
  })

  test.each([
    [[], /queues: expected an object, got /],
    [{ q: 1 }, /queues: q: expected an object, got 1/],
    [{ q: { kind: 'quorum' } }, /kind/],
    [{ q: { type: 'stream' } }, /type: expected 'classic' or 'quorum', got "stream"/],
    [{ q: { maxPriority: 256 } }, /maxPriority: expected a whole number from 1 to 255, got 256/],
    [{ q: { maxPriority: 1, type: 'quorum' } }, /quorum queues have none/],
    [{ q: { arguments: 5 } }, /arguments: expected an object, got 5/],
  ])('%j is refused', (queues, message) => {
    expect(() => parseConfig({ queues: queues as never })).toThrow(ArgumentError)
    expect(() => parseConfig({ queues: queues as never })).toThrow(message)
  })
})
