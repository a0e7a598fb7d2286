const { rawJSON } = JSON as typeof JSON & { rawJSON?(text: string): unknown }

/** A value as JSON with indents, for people; an integer beyond 2^53 keeps its digits. */
export function jsonText(value: unknown): string {
  return (
    JSON.stringify(
      value,
      (_key, item: unknown) => (typeof item === 'bigint' ? (rawJSON?.(item.toString()) ?? item.toString()) : item),
      2,
    ) ?? ''
  )
}
