const HEADER_BYTES = 7
/** Type, channel and size before the payload, one byte after it. */
const FRAME_OVERHEAD_BYTES = 8
/** `AMQP0091`, the first bytes of the client. */
const GREETING_BYTES = 8
const METHOD_FRAME = 1
/** Connection.TuneOk: class 10, method 31. */
const TUNE_OK = 0x000a001f

/**
 * Cuts the bytes of an AMQP 0-9-1 client at the ends of frames, and reads from them the agreed interval of heartbeats.
 */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0)
  #greeted = false
  #heartbeat = 0

  /** Seconds between heartbeats, as soon as the client has agreed to them; 0 before, and if there are none. */
  get heartbeat(): number {
    return this.#heartbeat
  }

  /** All complete frames that have arrived and were not taken yet; empty when there is none. */
  take(chunk: Buffer): Buffer {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let end = 0
    if (!this.#greeted && all.length >= GREETING_BYTES) {
      this.#greeted = true
      end = GREETING_BYTES
    }
    if (this.#greeted) {
      while (all.length >= end + HEADER_BYTES) {
        const next = end + FRAME_OVERHEAD_BYTES + all.readUInt32BE(end + 3)
        if (next > all.length) break
        if (this.#heartbeat === 0) this.#read(all.subarray(end, next))
        end = next
      }
    }
    this.#rest = all.subarray(end)
    return all.subarray(0, end)
  }

  #read(frame: Buffer): void {
    const isTuneOk = frame[0] === METHOD_FRAME && frame.length === 20 && frame.readUInt32BE(HEADER_BYTES) === TUNE_OK
    // Highest channel (2 bytes), longest frame (4), heartbeat (2).
    if (isTuneOk) this.#heartbeat = frame.readUInt16BE(HEADER_BYTES + 4 + 2 + 4)
  }
}
