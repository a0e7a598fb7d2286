import type { Context } from 'hono'
import type { StopSignal } from '../std/stop.ts'

/** What `serve` hands over with a request, beside Node's own. */
export interface ServedBy {
  /** Aborts when the server closes: whoever keeps a client waiting then lets it go. */
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
