/** What a child process sends its parent when it does its work: what it serves or runs, in words. */
export interface Ready {
  readonly ready: string
}

/** Notify the parent process, where there is one. */
export function sendReady(text: string): void {
  if (process.connected) process.send?.({ ready: text } satisfies Ready, undefined, undefined, () => undefined)
}
