/**
 * The `code` of what was thrown, whatever it is and of whichever copy of this package its class; undefined where it has
 * none.
 */
export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** A StoreUnavailableError: the same may succeed later. */
export function isStoreAway(error: unknown): boolean {
  return codeOf(error) === 'STORE_UNAVAILABLE'
}
