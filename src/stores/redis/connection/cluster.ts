import { ConfigError } from '../../../std/errors.ts'
import { isReply } from './errors.ts'

/**
 * In cluster mode the keys of one task are on different nodes, and no script may use them together: as with Celery,
 * nothing would run.
 */
export function clusterError(place: string, cause?: unknown): ConfigError {
  const expected = 'expected a Redis server that is not in cluster mode (cluster-enabled no)'
  const instead = 'use a single server, or several with Sentinel (sentinel://…) for failover'
  return new ConfigError(`${place}: ${expected}, got a node of a cluster; ${instead}`, { cause })
}

/** True for an answer that only a node of a cluster sends. */
export function isOfCluster(error: unknown): boolean {
  return (
    isReply(error) &&
    /^(?:ERR SELECT is not allowed in cluster mode|MOVED \d|CROSSSLOT )/.test((error as Error).message)
  )
}
