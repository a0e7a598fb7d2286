import { connect as openTcp, type Socket } from 'node:net'
import { connect as openTls } from 'node:tls'
import type { AmqpAddress } from '../url.ts'

/** Why a server refuses the connection, in its own words. */
export interface Refusal {
  /** AMQP's reply code. */
  readonly code: number
  readonly text: string
}

const PROTOCOL_HEADER = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')
/** Type, channel and length before the content; then one byte. */
const [HEAD, TAIL] = [7, 1]
const FRAME_END = Buffer.of(0xce)
/** More bytes than this are no answer to a handshake. */
const MAX_ANSWER_BYTES = 128 * 1024
/** Methods of the class `connection` as 32 bits (AMQP 0-9-1, 1.4). */
const [START, START_OK, TUNE, TUNE_OK, OPEN, CLOSE] = [0xa000a, 0xa000b, 0xa001e, 0xa001f, 0xa0028, 0xa0032]

/**
 * Open a virtual host once more, only to read why it is refused: the client library does not report that. Undefined
 * where the server opens it, or does not give a reason. `timeout` in ms of silence.
 */
export function askWhy(address: AmqpAddress, timeout: number): Promise<Refusal | undefined> {
  const { promise, resolve } = Promise.withResolvers<Refusal | undefined>()
  const { hostname: host, port, tls } = address
  const socket: Socket = tls ? openTls({ ...tls, host, port }) : openTcp({ host, port })
  let read: Buffer = Buffer.alloc(0)
  socket.setTimeout(timeout, () => socket.destroy())
  // The caller has an error already.
  socket.on('error', () => undefined)
  socket.once('close', () => resolve(undefined))
  socket.on('data', (chunk: Buffer) => {
    read = Buffer.concat([read, chunk])
    for (let method = first(read); method; method = first(read)) {
      read = read.subarray(HEAD + method.length + TAIL)
      const answer = answerTo(method, address)
      if (answer) socket.write(answer)
      else {
        resolve(refusalIn(method))
        socket.destroy()
        return
      }
    }
    if (read.length > MAX_ANSWER_BYTES) socket.destroy()
  })
  socket.write(PROTOCOL_HEADER)
  return promise
}

/** The content of the first frame; undefined while it is incomplete. */
function first(read: Buffer): Buffer | undefined {
  if (read.length < HEAD) return undefined
  const length = read.readUInt32BE(HEAD - 4)
  return read.length < HEAD + length + TAIL ? undefined : read.subarray(HEAD, HEAD + length)
}

/** The next method of the client; undefined when the handshake is over. */
function answerTo(method: Buffer, { username, password, vhost }: AmqpAddress): Buffer | undefined {
  const name = method.length < 4 ? 0 : method.readUInt32BE(0)
  if (name === START) {
    const noProperties = uint32(0)
    const login = Buffer.from(`\0${username}\0${password}`)
    return frame(START_OK, noProperties, short('PLAIN'), uint32(login.length), login, short('en_US'))
  }
  if (name !== TUNE) return undefined
  return Buffer.concat([frame(TUNE_OK, method.subarray(4)), frame(OPEN, short(vhost), short(''), Buffer.of(0))])
}

function refusalIn(method: Buffer): Refusal | undefined {
  if (method.length < 7 || method.readUInt32BE(0) !== CLOSE) return undefined
  return { code: method.readUInt16BE(4), text: method.toString('utf8', 7, 7 + method.readUInt8(6)) }
}

/** A frame on channel 0. */
function frame(method: number, ...fields: readonly Buffer[]): Buffer {
  const content = Buffer.concat([uint32(method), ...fields])
  return Buffer.concat([Buffer.of(1, 0, 0), uint32(content.length), content, FRAME_END])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}
