import { expect, test } from 'vitest'
import { FrameSplitter } from '../../../src/stores/rabbitmq/connection/frameSplitter.ts'

const GREETING = Buffer.from('AMQP\0\0\x09\x01', 'latin1')
const TUNE_OK = Buffer.from([0, 10, 0, 31, 7, 255, 0, 2, 0, 0, 0, 60])

function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(payload.length, 3)
  return Buffer.concat([head, payload, Buffer.from([206])])
}

test('however the bytes come, only whole frames go on, in order, and the agreed heartbeat is read', () => {
  const parts = [GREETING, frame(1, TUNE_OK), frame(8, Buffer.alloc(0)), frame(3, Buffer.alloc(300, 206))]
  const all = Buffer.concat(parts)
  const ends = parts.map((_, at) => parts.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0))
  for (const size of [1, 2, 7, 8, 11, 100, all.length]) {
    const splitter = new FrameSplitter()
    expect(splitter.heartbeat).toBe(0)
    const taken: Buffer[] = []
    let length = 0
    for (let from = 0; from < all.length; from += size) {
      const whole = splitter.take(all.subarray(from, from + size))
      taken.push(whole)
      length += whole.length
      if (whole.length > 0) expect(ends).toContain(length)
    }
    expect(Buffer.concat(taken).equals(all)).toBe(true)
    expect(splitter.heartbeat).toBe(60)
  }
})
