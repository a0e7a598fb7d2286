import { type Logger, type LogLevel, type LogOption, leastLevel } from '../std/log.ts'
import type { App } from './app.ts'

interface Shared {
  users: number
  readonly end: () => void
}

/** The logs that are being written, by app and kind: `worker` or `beat`. */
const LOGS: WeakMap<object, Map<string, Shared>> = new WeakMap()

/**
 * Write the log of an app's workers, or of its beats, from its signals. These are the app's, so that several workers of
 * one app share one log; it ends with the last of them. `logger`: false writes none; undefined is the app's. The
 * returned function ends it for one user.
 */
export function shareLog(
  app: App,
  kind: 'worker' | 'beat',
  option: LogOption | undefined,
  begin: (logger: Logger, level: LogLevel) => () => void,
): () => void {
  if (option === false) return () => undefined
  const logs = LOGS.get(app) ?? new Map<string, Shared>()
  LOGS.set(app, logs)
  const logger = option ?? app.config.logger
  const shared = logs.get(kind) ?? { users: 0, end: begin(logger, leastLevel(logger)) }
  logs.set(kind, shared)
  shared.users++
  let ended = false
  return () => {
    if (ended) return
    ended = true
    if (--shared.users > 0) return
    logs.delete(kind)
    shared.end()
  }
}
