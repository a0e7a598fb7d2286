import { splitUrl } from '../../../std/url.ts'
import type { Pool } from '../../pool/pool.ts'
import type { Command, CommandContext } from '../controlled.ts'

/** What it did, and with what. */
export const STATS_COMMANDS: Readonly<Record<string, Command>> = { stats }

function stats(_: unknown, context: CommandContext): unknown {
  const { worker, app, state, since, turns, intake } = context
  const { autoscale } = worker
  const paused = worker.queues.filter((queue) => intake()?.isPaused(queue))
  return {
    total: Object.fromEntries(state.totals),
    pid: process.pid,
    clock: String(app.logicalClock.value),
    uptime: Math.round(Math.max(0, app.config.clock.now() - since) / 1000),
    pool: poolInfo(worker.pool, context),
    ...(autoscale && { autoscaler: { ...autoscale, qty: 0 } }),
    broker: brokerInfo(app.config.broker.reveal()),
    prefetch_count: turns()?.prefetch ?? 0,
    ...(paused.length > 0 && { paused_queues: paused }),
    rusage: resources(),
  }
}

function poolInfo({ kind, size, pids }: Pool, { timeLimits }: CommandContext): Readonly<Record<string, unknown>> {
  const { softTimeLimit = 0, timeLimit = 0 } = timeLimits
  return {
    implementation: `celeriac:${kind}`,
    'max-concurrency': size,
    processes: pids,
    'max-tasks-per-child': 'N/A',
    'put-guarded-by-semaphore': false,
    timeouts: [softTimeLimit / 1000, timeLimit / 1000],
    writes: 'N/A',
  }
}

/** As kombu describes a connection, without its password. */
function brokerInfo(url: string): Readonly<Record<string, unknown>> {
  const parts = splitUrl(url)
  const path = decodeURIComponent(parts?.path.slice(1) ?? '')
  const scheme = parts?.scheme ?? (/^[a-z]+/.exec(url)?.[0] || 'unknown')
  const isAmqp = scheme.startsWith('amqp')
  return {
    hostname: parts?.host || null,
    userid: parts?.user === undefined ? null : decodeURIComponent(parts.user),
    virtual_host: path || (isAmqp ? '/' : '0'),
    port: parts?.port === undefined ? (DEFAULT_PORTS[scheme] ?? null) : Number(parts.port),
    insist: false,
    ssl: /s$/.test(scheme) && !isPlain(scheme),
    transport: scheme,
    connect_timeout: 4,
    transport_options: {},
    login_method: isAmqp ? 'PLAIN' : null,
    uri_prefix: null,
    heartbeat: 120,
    failover_strategy: 'round-robin',
    alternates: [],
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  redis: 6379,
  rediss: 6379,
  amqp: 5672,
  amqps: 5671,
  postgres: 5432,
  postgresql: 5432,
}

/** Names that end with an s without being of TLS. */
function isPlain(scheme: string): boolean {
  return scheme === 'redis' || scheme === 'postgres'
}

/** As Python's getrusage has it, times in seconds. */
function resources(): Readonly<Record<string, number>> {
  const usage = process.resourceUsage()
  return {
    utime: usage.userCPUTime / 1e6,
    stime: usage.systemCPUTime / 1e6,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  }
}
