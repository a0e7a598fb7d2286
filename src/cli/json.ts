/** `JSON.rawJSON` writes digits as they are; TypeScript's library does not list it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object }

/**
 * A result as JSON for standard output: on several lines at a terminal, else on one. `undefined` is null,
 * a bigint keeps all its digits, bytes are base64 text, a Date is ISO 8601 text.
 */
export function jsonText(value: unknown, indent: number = process.stdout.isTTY ? 2 : 0): string {
  return JSON.stringify(value ?? null, plain, indent)
}

function plain(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(String(value))
  // A Buffer has turned itself into something else by now; its holder still has it.
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? Buffer.from(original).toString('base64') : value
}
