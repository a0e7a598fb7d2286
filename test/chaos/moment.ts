/** A place in time that all processes of a run share: the wall clock of the runner, and its monotonic clock then, ms. */
export interface Epoch {
  readonly wall: number
  readonly monotonic: number
}

export function epochHere(): Epoch {
  return { wall: Date.now(), monotonic: monotonic() }
}

/**
 * What a process calls now, ms since the epoch, by the machine's monotonic clock, which is the same for all processes:
 * a clock that is set does not change it. Without an epoch: the wall clock.
 */
export function momentsFrom(epoch: Epoch | undefined): () => number {
  return epoch ? () => Math.round(epoch.wall + monotonic() - epoch.monotonic) : Date.now
}

function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
