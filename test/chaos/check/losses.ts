import type { Loss } from './history.ts'
import { type Fault, LEASE, type StoreName } from './plan.ts'

/** How long after a fault its effects may come, ms: connections are rebuilt, leases are looked at. */
const RECOVERY = 10_000

/**
 * The time in which workers may lose what they hold by a fault that lasted from `from` to `to`; undefined where the
 * guarantees say that they keep it, as when a clock is set. What kills a worker is not decided here.
 */
export function lossOf(
  store: StoreName,
  fault: Fault,
  from: number,
  to: number,
): Pick<Loss, 'from' | 'to' | 'each'> | undefined {
  // Leases are renewed every quarter: one that is left alone lives for three quarters of its time at least.
  const isLong = to - from > LEASE * 0.7
  const widely = { from: from - 1000, to: to + RECOVERY }
  const isRabbit = store.startsWith('rabbitmq')
  if (fault.kind === 'freeze')
    return isLong && !isRabbit && store !== 'memory' ? { from, to: to + RECOVERY } : undefined
  if (fault.kind === 'restart-server') return isRabbit || isLong ? widely : undefined
  if (fault.kind !== 'network') return undefined
  const { kind } = fault.fault
  if (kind === 'delay' || kind === 'reorder') return undefined
  // On RabbitMQ the connection is the lease, and each new one is cut again. On Redis one that was half-open is noticed seconds later.
  if (isRabbit) return kind === 'resetAfter' ? { ...widely, each: true } : widely
  return isLong || kind === 'halfOpen' || kind === 'trickle' ? widely : undefined
}
