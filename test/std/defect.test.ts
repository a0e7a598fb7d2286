import { describe, expect, it, onTestFinished } from 'vitest'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { isDefect } from '../../src/std/thrown.ts'
import { AmqpConnection } from '../../src/stores/rabbitmq/connection/connection.ts'
import { connectRedis } from '../../src/stores/redis/connection/client.ts'
import { openDatabase } from '../../src/stores/sqlite/database.ts'
import { RedisServer } from '../redis/server.ts'

/** As Node says it. */
function notFound(what: string): Error {
  return Object.assign(new Error(`Cannot find ${what} imported from /app/x.js`), { code: 'ERR_MODULE_NOT_FOUND' })
}

describe('errors of a program or its installation', () => {
  it.each([
    [new TypeError('Promise.withResolvers is not a function'), true],
    [new ReferenceError('x is not defined'), true],
    [new SyntaxError('Unexpected token'), true],
    [notFound("package 'x'"), true],
    [Object.assign(new Error('No such built-in module'), { code: 'ERR_UNKNOWN_BUILTIN_MODULE' }), true],
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), false],
    [Object.assign(new Error('stream'), { code: 'ERR_STREAM_DESTROYED' }), false],
    [new StoreUnavailableError('away'), false],
    ['TypeError', false],
  ])('%o: %s', (error, is) => {
    expect(isDefect(error)).toBe(is)
  })

  it('Redis: is told at once, as what it is', async () => {
    const server = await RedisServer.start()
    onTestFinished(() => server.stop())
    const { withResolvers } = Promise
    onTestFinished(() => {
      Promise.withResolvers = withResolvers
    })
    const connection = connectRedis(server.url(), { wait: 60_000 })
    onTestFinished(() => connection.close())
    Promise.withResolvers = undefined as unknown as typeof withResolvers
    const error = await connection.command('PING').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toContain('withResolvers')
    Promise.withResolvers = withResolvers
    expect(await connection.command('PING')).toBe('PONG')
  })

  it('RabbitMQ: is told at once, as what it is, and the next call tries again', async () => {
    const errors = [notFound("module '/app/node_modules/amqplib/lib/defs.js'"), new TypeError('no such method')]
    const options = { addresses: [{ label: 'amqp://host' } as never], name: 'test', wait: 60_000, probe: undefined }
    let dials = 0
    const dial = (): Promise<never> => Promise.reject(errors[dials++ % 2])
    const connection = new AmqpConnection({ ...options, standing: { accepted: false }, dial })
    onTestFinished(() => connection.close())
    await expect(connection.channel()).rejects.toBe(errors[0])
    await expect(connection.channel()).rejects.toBe(errors[1])
    expect(connection.problem).toBeInstanceOf(StoreUnavailableError)
    expect(dials).toBe(2)
  })

  it('SQLite: is told as what it is', () => {
    expect(() => openDatabase({ toString: () => '/tmp' } as unknown as string)).toThrow(TypeError)
  })
})
