import type { App } from '../../app/app.ts'
import { ConfigError } from '../../std/errors.ts'

/** Throws ConfigError for a broker whose events no other process receives. */
export function requireEventBus({ config }: App, command: string): void {
  if (config.broker.scheme === 'memory')
    throw new ConfigError(
      `${command}: expected a broker that other processes use too (sqlite:, postgres:, redis:, amqp:), got ${config.broker}`,
    )
}
