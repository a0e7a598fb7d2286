import { ConfigError } from '../../../std/errors.ts'
import { clusterError } from './cluster.ts'
import { isReply } from './errors.ts'
import type { Session } from './session.ts'

/** Rejects with ConfigError for a server in cluster mode. `place` is its URL for people. */
export async function refuseCluster(session: Session, place: string): Promise<void> {
  if (field(await read(session, 'info', 'cluster'), 'cluster_enabled') === '1') throw clusterError(place)
}

/**
 * Rejects with ConfigError for a server that answers before a command is on its disk. Warns where it does not show its
 * settings.
 */
export async function refuseVolatile(session: Session, place: string, warn: (message: string) => void): Promise<void> {
  const settings = await Promise.all(
    ['appendonly', 'appendfsync'].map(async (name) => {
      const pair = await read(session, 'config', 'get', name)
      return Array.isArray(pair) ? String(pair[1]) : undefined
    }),
  )
  const [only, sync] = settings
  const needed = "durability 'full' needs appendonly yes and appendfsync always"
  if (only === undefined || sync === undefined) warn(`${place}: ${needed}, and the server does not show its settings`)
  else if (only !== 'yes' || sync !== 'always')
    throw new ConfigError(`${place}: ${needed}, got appendonly ${only} and appendfsync ${sync}`)
}

/** Warn of settings by which this server could lose tasks. Settings that it does not let us read are not judged. */
export async function warnAboutServer(session: Session, warn: (message: string) => void): Promise<void> {
  const [memory, persistence, save] = await Promise.all([
    read(session, 'info', 'memory'),
    read(session, 'info', 'persistence'),
    read(session, 'config', 'get', 'save'),
  ])
  const policy = field(memory, 'maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    warn(
      `Redis: maxmemory-policy is ${policy}: when memory is full, tasks and results are dropped; set it to noeviction`,
    )
  }
  const saves = Array.isArray(save) && save[1] === ''
  if (saves && field(persistence, 'aof_enabled') === '0') {
    warn('Redis: neither appendonly nor save is set: when the server stops, all tasks and results are lost')
  }
}

/** A fact of what INFO answers. */
export function field(info: unknown, name: string): string | undefined {
  if (typeof info !== 'string') return undefined
  const line = info.split(/\r?\n/).find((one) => one.startsWith(`${name}:`))
  return line?.slice(name.length + 1)
}

async function read(session: Session, name: string, ...args: string[]): Promise<unknown> {
  try {
    return await session.send(name, args, 'utf8')
  } catch (error) {
    // Refused, as managed servers do with CONFIG; the session itself reports a lost connection.
    if (isReply(error)) return undefined
    throw error
  }
}
