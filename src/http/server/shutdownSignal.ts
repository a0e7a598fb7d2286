import type { Context } from 'hono'
import type { StopSignal } from '../../std/stopSignal.ts'

/** What `serve` passes along with a request, beside Node's own. */
export interface ServedBy {
  /** Aborts when the server closes: handlers that keep a client waiting must then answer. */
  closing?: StopSignal
}

/** Ends the connection of a request, where Node's HTTP server took it. */
export function hangUpOf(c: Context): (() => void) | undefined {
  const { outgoing } = (c.env ?? {}) as { outgoing?: { destroy(): void } }
  return outgoing && (() => outgoing.destroy())
}

/** Undefined behind another server than `serve`. */
export function closingOf(c: Context): StopSignal | undefined {
  return (c.env as ServedBy | undefined)?.closing
}

/** When an answer that is waited for must come. */
export interface EndOfWait {
  readonly signal: AbortSignal
  /** Forget it: the answer is there. */
  release(): void
}

/** Aborts after `ms`, when the client has gone, or when the server closes, also where that was before. */
export function endOfWait(c: Context, ms: number): EndOfWait {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  const timer = setTimeout(end, ms)
  const signals = [c.req.raw.signal, closingOf(c)]
  for (const signal of signals) {
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end)
  }
  return {
    signal: stop.signal,
    release() {
      clearTimeout(timer)
      for (const signal of signals) signal?.removeEventListener('abort', end)
    },
  }
}
