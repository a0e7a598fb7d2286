/** Signals closer than this are one: npm passes on a Ctrl-C that the terminal has sent already, ms. */
const SAME_SIGNAL_MS = 300

/** How a command stops, in the order in which each signal more is stronger. */
export interface Stopping {
  /** Take no more, and go on until a later signal. Absent: SIGTSTP is left to the system. */
  quiet?(): Promise<void>
  /** Finish what runs, then end. */
  warm(): Promise<void>
  /** Between warm and cold: give what runs a limited time. Absent: there is no such stage. */
  soft?(): Promise<void>
  /** End now; also while another stage waits. */
  cold(): Promise<void>
}

type Stage = 'warm' | 'soft' | 'cold'
const STAGES: readonly Stage[] = ['warm', 'soft', 'cold']

/** Exit code after a warm stop, and after a soft or cold one (Celery's EX_FAILURE). */
export const WARM_EXIT_CODE = 0
export const COLD_EXIT_CODE = 1

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Signals of a command. */
interface StopSignals {
  /** Those that begin a warm stop. Default: SIGTERM, SIGINT and SIGHUP. */
  readonly warm?: readonly NodeJS.Signals[]
  /** Those that begin with the soft or cold stage. Default: SIGQUIT. */
  readonly cold?: readonly NodeJS.Signals[]
}

/**
 * Waits for a signal: a warm stop; each further one makes it stronger, soft where there is such a stage, then cold.
 * SIGQUIT skips the warm stage. A process that was started with an IPC channel also stops warmly when its parent goes
 * away. Resolves with the exit code once it has stopped.
 */
export function stopped(stopping: Stopping, { warm = SIGNALS, cold = ['SIGQUIT'] }: StopSignals = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    let stage: Stage | undefined
    let since = 0
    const begin = (next: Stage): void => {
      stage = next
      since = performance.now()
      const code = (): number => (stage === 'warm' ? WARM_EXIT_CODE : COLD_EXIT_CODE)
      stopping[next]?.().then(() => resolve(code()), reject)
    }
    const further = (first: Stage): void => {
      const stages = STAGES.slice(Math.max(STAGES.indexOf(first), stage ? STAGES.indexOf(stage) + 1 : 0))
      const next = stages.find((name) => stopping[name])
      if (next) begin(next)
    }
    const signal = (): void => {
      if (stage === undefined || performance.now() - since > SAME_SIGNAL_MS) further('warm')
    }
    for (const name of warm) process.on(name, signal)
    for (const name of cold) process.on(name, () => further('soft'))
    if (stopping.quiet) process.on('SIGTSTP', () => void (stage === undefined && stopping.quiet?.().catch(reject)))
    // The parent may have gone before this: then nothing more would say so.
    if (process.connected) process.on('disconnect', signal)
    else if (process.send) signal()
  })
}
