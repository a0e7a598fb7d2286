import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import type { Crasher } from './crash.ts'

/* Watches what this thread says to RabbitMQ, from outside: the client library's prototypes and the sockets. */

interface Message {
  readonly properties: { readonly correlationId?: unknown }
}
type Method = (this: unknown, ...args: unknown[]) => unknown
interface Library {
  readonly ConfirmChannel: { readonly prototype: { pushConfirmCallback: Method } }
  readonly Channel: { readonly prototype: { dispatchMessage: Method; ack: Method } }
}

const METHOD_FRAME = 1
const PUBLISH = (60 << 16) | 40
const ACK = (60 << 16) | 80

/** `came`: told the id of each task that is delivered. */
export function watchRabbit(crasher: Crasher, came: (id: string) => void): void {
  const require = createRequire(import.meta.url)
  const library = require(join(dirname(require.resolve('amqplib')), 'lib/channel_model.js')) as Library
  watchWrites(crasher)
  wrap(library.Channel.prototype, 'dispatchMessage', (_fields, message) => {
    const id = (message as Message | null)?.properties.correlationId
    if (typeof id === 'string') came(id)
  })
  wrap(library.Channel.prototype, 'ack', () => crasher.pass('settle:stored'))
  const push = library.ConfirmChannel.prototype.pushConfirmCallback
  library.ConfirmChannel.prototype.pushConfirmCallback = function (this: unknown, confirmed: unknown): unknown {
    return push.call(this, (error: unknown) => {
      crasher.pass('publish:unread')
      // A worker whose tasks send nothing publishes copies alone.
      crasher.pass('copy:unread')
      ;(confirmed as (error: unknown) => void)?.(error)
    })
  }
}

/** Dies between two frames of one turn, or behind what is with the system. */
function watchWrites(crasher: Crasher): void {
  const write = Socket.prototype.write as unknown as Method
  let acks = 0
  Socket.prototype.write = function (this: Socket, chunk: unknown, ...rest: unknown[]): boolean {
    const bytes =
      chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : undefined
    const kind = bytes && kindOf(bytes)
    // Through the local socket of the relay.
    const acked = kind === ACK && this.remotePort === undefined
    if (acked && acks++ === 1) dieSent('settle:half')
    const done = write.call(this, chunk, ...rest) as boolean
    if (acked && acks === 1)
      process.nextTick(() => {
        acks = 0
        dieSent('settle:sent')
      })
    if (kind === PUBLISH) crasher.pass(bytes?.includes('.held.') ? 'copy:sent' : 'publish:sent')
    return done
  } as typeof Socket.prototype.write
  /** The relay is given a moment to send what it has. */
  function dieSent(point: 'settle:half' | 'settle:sent'): void {
    if (crasher.isNext(point)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    crasher.pass(point)
  }
}

/** The method of the first frame. */
function kindOf(chunk: Buffer): number | undefined {
  return chunk.length > 11 && chunk[0] === METHOD_FRAME ? chunk.readUInt32BE(7) : undefined
}

function wrap<Name extends string>(
  target: Record<Name, Method>,
  name: Name,
  before: (...args: unknown[]) => void,
): void {
  const original = target[name]
  target[name] = function (this: unknown, ...args: unknown[]): unknown {
    before(...args)
    return original.apply(this, args)
  }
}
