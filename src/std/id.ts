import { createHash, randomFillSync } from 'node:crypto'

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const pool: Uint8Array = new Uint8Array(4096)
let used = pool.length
let lastTime = 0

/**
 * A UUID version 7 (RFC 9562 §5.7): its first 48 bits are the time in ms, so that ids made later sort later and index well.
 * Never goes back in this process, also when the clock does.
 */
export function uuid(now: number = Date.now()): string {
  if (now > lastTime) lastTime = now
  if (used + 10 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const at = used
  used += 10
  const time = lastTime.toString(16).padStart(12, '0')
  const byte = (index: number): string => HEX[pool[at + index] as number] as string
  const version = HEX[0x70 | ((pool[at] as number) & 0x0f)] as string
  const variant = HEX[0x80 | ((pool[at + 2] as number) & 0x3f)] as string
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${byte(1)}-${variant}${byte(3)}-${byte(4)}${byte(5)}${byte(6)}${byte(7)}${byte(8)}${byte(9)}`
}

/** A UUID version 8 made of these texts: the same texts give the same id, in any process. */
export function uuidOf(...parts: readonly string[]): string {
  const hex = createHash('sha256').update(parts.join('\0')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
