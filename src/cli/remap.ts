import { ConfigError } from '../std/errors.ts'

/**
 * Celery's environment variable `REMAP_SIGTERM=SIGQUIT`: SIGTERM, which supervisors send, is then a cold stop (or a
 * soft one), as SIGQUIT is. Returns the signals of a worker. Throws ConfigError for another value.
 */
export function workerSignals(remap: string): { warm: NodeJS.Signals[]; cold: NodeJS.Signals[] } {
  if (remap === 'SIGQUIT') return { warm: ['SIGINT', 'SIGHUP'], cold: ['SIGQUIT', 'SIGTERM'] }
  throw new ConfigError(`REMAP_SIGTERM: expected SIGQUIT, or no such variable, got ${remap}`)
}
