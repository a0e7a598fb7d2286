/** A record that never becomes final is dropped after this time, or after the result lifetime if that is longer, ms. */
export const STALE: number = 7 * 86_400_000
