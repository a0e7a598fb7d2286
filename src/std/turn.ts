/** Kept from the beginning: a test may replace the global timers. */
const immediate = setImmediate

/** Resolves in the next turn of the event loop, after all that is ready in this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    immediate(resolve)
  })
}
