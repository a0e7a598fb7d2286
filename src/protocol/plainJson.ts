const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

/**
 * JSON of any stored value, for the outside: bigint as an integer of all its digits, bytes as base64, Date as ISO 8601,
 * no number (NaN, infinities) as null.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, carry) ?? 'null'
}

function carry(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(value.toString())
  if (typeof value !== 'object' || value === null) return value
  // Asked of the holder, as a Buffer has turned itself into an object of numbers by now.
  const original = (this as Record<string, unknown>)[key]
  if (!(original instanceof Uint8Array)) return value
  return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
}
