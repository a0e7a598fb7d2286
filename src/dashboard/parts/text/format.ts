/* Numbers, times and sizes as people read them. */

const whole = new Intl.NumberFormat('en')
const brief = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const ofDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** `1,234`; from 100,000 on `123.5K`. */
export function count(value: number): string {
  return Math.abs(value) < 100_000 ? whole.format(value) : brief.format(value)
}

/** `3 jobs`, `1 job`. */
export function counted(value: number, noun: string, nouns: string = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : nouns}`
}

/** Of a share from 0 to 1: `0.3 %`. */
export function percent(share: number): string {
  const value = share * 100
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(value < 1 ? 2 : 1)} %`
}

/** Of ms: `8 ms`, `1.2 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1) return ms <= 0 ? '0 ms' : `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const steps = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const
  const at = steps.findIndex(([, length]) => ms >= length)
  const [unit, length] = steps[at] ?? ['s', 1000]
  const [less, smaller] = steps[at + 1] ?? ['', 0]
  const rest = smaller > 0 ? Math.floor((ms % length) / smaller) : 0
  return `${Math.floor(ms / length)} ${unit}${rest > 0 ? ` ${rest} ${less}` : ''}`
}

/** `1.4 MiB`. */
export function bytes(value: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = value
  let at = 0
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024
    at++
  }
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[at]}`
}

/** In the time zone of the browser: `30 Nov 2026, 12:05:09`. */
export function dateTime(at: number | string | Date): string {
  return moment.format(new Date(at))
}

/** The same without the day: `12:05`. */
export function timeOfDay(at: number): string {
  return ofDay.format(at)
}

/** `3 s ago`, `in 5 min`, `now`. */
export function ago(at: number, now: number): string {
  const ms = now - at
  if (Math.abs(ms) < 1000) return 'now'
  const words = coarse(Math.abs(ms))
  return ms > 0 ? `${words} ago` : `in ${words}`
}

/** The largest unit alone. */
function coarse(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`
  return `${Math.floor(ms / 86_400_000)} d`
}
