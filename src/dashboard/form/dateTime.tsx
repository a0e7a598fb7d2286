import type { JSX } from 'preact'
import { dateTime } from '../parts/text/format.ts'

const ZONED = /(?:z|[+-]\d\d:?\d\d)$/i
const MAX_LENGTH = 40

/** Beside a field for a moment: what it is where the user is, and a way to pick another. */
export function DateTime({ text, pick }: { text: string; pick: (moment: string) => void }): JSX.Element {
  return (
    <span class="row moment">
      <span class="hint">{remark(text)}</span>
      <input
        type="datetime-local"
        step="1"
        aria-label={`Pick, in ${zone}`}
        title={`Pick, in ${zone}`}
        onChange={({ currentTarget: { value } }) => {
          const at = new Date(value)
          if (!Number.isNaN(at.getTime())) pick(iso(at))
        }}
      />
      <button type="button" class="button small" onClick={() => pick(iso(new Date()))}>
        Now
      </button>
    </span>
  )
}

const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone

/** In UTC, which all time zones understand. */
function iso(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}

function remark(text: string): string {
  if (text === '') return 'With a time zone, as 2026-11-30T12:05:09Z'
  const at = text.length > MAX_LENGTH ? Number.NaN : Date.parse(text)
  if (Number.isNaN(at)) return 'Not a date and a time, as 2026-11-30T12:05:09Z'
  if (!ZONED.test(text)) return 'No time zone: add Z for UTC, or an offset as +01:00'
  return `In ${zone}: ${dateTime(at)}`
}
