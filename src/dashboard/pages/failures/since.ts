/** Times that the list may be limited to. */
export const SINCE: readonly { readonly name: string; readonly text: string; readonly ms: number }[] = [
  { name: '15m', text: 'Seen in the last 15 minutes', ms: 900_000 },
  { name: '1h', text: 'Seen in the last hour', ms: 3_600_000 },
  { name: '1d', text: 'Seen in the last day', ms: 86_400_000 },
  { name: '7d', text: 'Seen in the last 7 days', ms: 7 * 86_400_000 },
]

/** The moment so long ago; undefined: any time. */
export function sinceOf(name: string): Date | undefined {
  const found = SINCE.find((one) => one.name === name)
  return found && new Date(Date.now() - found.ms)
}
