let time = 0
let text = ''

/** Now (ms since the epoch), as ISO 8601. Made once for each millisecond: a busy process asks more often than that. */
export function isoNow(now: number = Date.now()): string {
  if (now !== time || text === '') {
    text = new Date(now).toISOString()
    time = now
  }
  return text
}
