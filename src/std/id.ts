import { hash, randomBytes } from 'node:crypto'
import { type Clock, systemClock } from './clock.ts'

/** Random hexadecimal digits, and how many of them are used. */
let digits = ''
let used = 0

/** The latest time of the ids of one clock, what begins the ids of that time, and how many of them there are. */
interface Latest {
  time: number
  head: string
  count: number
}

/** Ids of one ms that sort in their order: of 12 bits. Those after them follow in any order. */
const MAX_COUNT = 0xfff

const latestOfSystem: Latest = { time: 0, head: '', count: 0 }
/** Of other clocks: an id of theirs must not move those of the system's clock, or be moved by them. */
const latestOfOthers = new WeakMap<Clock, Latest>()

/**
 * A UUID version 7 (RFC 9562 §5.7): its first 48 bits are the time in ms, and the next 12 count the ids of that ms, so
 * that ids made later sort later: what is submitted together lies side by side in an index. The other 62 bits are
 * random. Never goes back in this process, also when the clock does. `clock`: the clock that `now` was read from.
 */
export function uuid(now: number = systemClock.now(), clock: Clock = systemClock): string {
  const latest = clock === systemClock ? latestOfSystem : latestOf(clock)
  if (now > latest.time || latest.head === '') {
    latest.time = Math.max(now, latest.time)
    const time = latest.time.toString(16).padStart(12, '0')
    latest.head = `${time.slice(0, 8)}-${time.slice(8)}-7`
    latest.count = 0
  }
  if (used + 16 > digits.length) {
    digits = randomBytes(4096).toString('hex')
    used = 0
  }
  const at = used
  used += 16
  const count = Math.min(latest.count++, MAX_COUNT)
  const variant = '89ab'[Number.parseInt(digits[at] as string, 16) & 3]
  return `${latest.head}${count.toString(16).padStart(3, '0')}-${variant}${digits.slice(at + 1, at + 4)}-${digits.slice(at + 4, at + 16)}`
}

function latestOf(clock: Clock): Latest {
  const known = latestOfOthers.get(clock)
  if (known) return known
  const fresh: Latest = { time: 0, head: '', count: 0 }
  latestOfOthers.set(clock, fresh)
  return fresh
}

/** When a UUID version 7 was made, ms since the epoch; undefined for any other id. */
export function timeOf(id: string): number | undefined {
  return UUID7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined
}

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A UUID version 8 made of these texts: the same texts give the same id, in any process. */
export function uuidOf(...parts: readonly string[]): string {
  const hex = hash('sha256', parts.join('\0'), 'hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Highest place of `uuidsOf`. */
const MAX_PLACE = 0xff_ffff
/** Ids whose ends are in one hash. */
const ENDS = 5

/**
 * UUIDs version 8 made of these texts and of places from 0 on. Those of the same texts sort by their places and lie
 * side by side in an index, so that a store changes few pages for many of them; none follows from another one. Throws
 * RangeError from place 2^24 on.
 */
export function uuidsOf(...parts: readonly string[]): (place: number) => string {
  const text = parts.join('\0')
  const hex = hash('sha256', text, 'hex')
  const head = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8`
  let ends = ''
  let block = -1
  return (place) => {
    if (place > MAX_PLACE) throw new RangeError(`expected a place up to ${MAX_PLACE}, got ${place}`)
    const own = Math.floor(place / ENDS)
    if (own !== block) ends = hash('sha256', `${text}\0${own}`, 'hex')
    block = own
    const digits = place.toString(16).padStart(6, '0')
    const at = (place % ENDS) * 12
    return `${head}${digits.slice(0, 3)}-a${digits.slice(3)}-${ends.slice(at, at + 12)}`
  }
}

/** Longest character of UTF-8, bytes, for each unit of a string's length. */
const MAX_CHARACTER_BYTES = 3

/** A name as part of a longer one; a digest replaces it where it is longer than `most` bytes. */
export function namePart(name: string, most: number): string {
  if (name.length * MAX_CHARACTER_BYTES <= most || Buffer.byteLength(name) <= most) return name
  return `celeriac-${hash('sha256', name, 'hex').slice(0, 32)}`
}
