/** Signals within this time of the first are the same one, ms: `npx` passes on a Ctrl-C that the terminal has sent. */
const SAME_SIGNAL_MS = 300
/** Exit code of a process that a second Ctrl-C ends. */
const INTERRUPTED_EXIT_CODE = 130

/**
 * The end of a command that goes on until then: `promise` resolves with SIGINT, SIGTERM, SIGHUP or SIGQUIT, or when
 * nothing reads the output any more. A second signal ends the process at once.
 */
export class Ending {
  readonly promise: Promise<void>
  readonly #release: () => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    let since: number | undefined
    const onSignal = (): void => {
      if (since !== undefined && performance.now() - since > SAME_SIGNAL_MS) process.exit(INTERRUPTED_EXIT_CODE)
      since ??= performance.now()
      resolve()
    }
    const onError = (): void => resolve()
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
    for (const signal of signals) process.on(signal, onSignal)
    process.stdout.on('error', onError)
    this.promise = promise
    this.#release = () => {
      for (const signal of signals) process.removeListener(signal, onSignal)
      process.stdout.removeListener('error', onError)
    }
  }

  /** Signals end the process again, as usual. */
  release(): void {
    this.#release()
  }
}
