/** Signals closer than this are one: npm passes on a Ctrl-C that the terminal has sent already, ms. */
const SAME_SIGNAL_MS = 300

export interface Stopping {
  /** Finish what runs, then end. */
  warm(): Promise<void>
  /** End now; also while `warm` waits. */
  cold(): Promise<void>
}

/** Exit code after a warm stop, and after a cold one (Celery's EX_FAILURE). */
export const WARM_EXIT_CODE = 0
export const COLD_EXIT_CODE = 1

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/**
 * Waits for one of `signals` (default SIGTERM, SIGINT or SIGHUP): a warm stop; a second one, or SIGQUIT, makes it cold.
 * A process that was started with an IPC channel also stops warmly when its parent goes away. Resolves with the exit
 * code once it has stopped.
 */
export function stopped({ warm, cold }: Stopping, signals: readonly NodeJS.Signals[] = SIGNALS): Promise<number> {
  return new Promise((resolve, reject) => {
    let code: number | undefined
    let since = 0
    const begin = (next: number): void => {
      code = next
      since = performance.now()
      const stop = next === WARM_EXIT_CODE ? warm() : cold()
      stop.then(() => resolve(code as number), reject)
    }
    const signal = (): void => {
      if (code === undefined) begin(WARM_EXIT_CODE)
      else if (code === WARM_EXIT_CODE && performance.now() - since > SAME_SIGNAL_MS) begin(COLD_EXIT_CODE)
    }
    for (const name of signals) process.on(name, signal)
    process.on('SIGQUIT', () => {
      if (code !== COLD_EXIT_CODE) begin(COLD_EXIT_CODE)
    })
    // The parent may have gone before this: then nothing more would say so.
    if (process.connected) process.on('disconnect', signal)
    else if (process.send) signal()
  })
}
