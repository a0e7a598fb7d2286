/** A moment as a field for date and time has it: in the time zone of the browser. Empty where it is none. */
export function localOf(moment: Date | string | null | undefined): string {
  const at = new Date(moment ?? Number.NaN)
  if (Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

/** ISO 8601 of what such a field has; as it is where it is no moment. */
export function isoOf(local: string): string {
  const at = Date.parse(local)
  return Number.isNaN(at) ? local : new Date(at).toISOString()
}
