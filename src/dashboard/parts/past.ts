/** Times up to now that a list may be limited to, by their names in the URL. */
export const PAST = {
  '15m': { title: 'last 15 minutes', ms: 900_000 },
  '1h': { title: 'last hour', ms: 3_600_000 },
  '1d': { title: 'last day', ms: 86_400_000 },
  '7d': { title: 'last 7 days', ms: 604_800_000 },
} as const
export type PastName = keyof typeof PAST

/** Undefined: it is none of the names. */
export function pastOf(name: string | null): PastName | undefined {
  return name !== null && Object.hasOwn(PAST, name) ? (name as PastName) : undefined
}

/** When it begins; undefined: any time. */
export function beginOf(name: PastName | undefined, now: number): Date | undefined {
  return name && new Date(now - PAST[name].ms)
}
