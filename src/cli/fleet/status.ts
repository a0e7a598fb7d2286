import type { App } from '../../app/app.ts'
import { queuesOf } from '../../app/knownQueues.ts'
import type { BoundUse } from '../../app/storeInfo.ts'
import { Control } from '../../control/control.ts'
import { isStoreAway } from '../../std/thrown.ts'
import { workerName } from '../hostname.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { type Blocked, blockedLines, blockedOf } from './blocked.ts'

export interface StatusCommandOptions extends AppOptions {
  queues?: string[]
  /** Name of a worker that has to answer. */
  worker?: string
  json?: boolean
}

/** How many of the newest records are counted. */
const MAX_COUNTED_RECORDS = 10_000
const PAGE_SIZE = 1000
/** How long workers have to reply, ms. A worker that the command names gets longer, but ends the wait by its reply. */
const REPLY_TIMEOUT_MS = 500
const NAMED_REPLY_TIMEOUT_MS = 5000

/** Columns before the text of a line. */
const NAME_WIDTH = 11

interface Status {
  readonly broker: string
  readonly backend: string
  readonly reachable: boolean
  /** Why not. */
  readonly problem?: string
  /** Host names of the workers that answer. */
  readonly workers?: readonly string[]
  /** Messages that wait, by queue. */
  readonly queues?: Readonly<Record<string, number>>
  /** How full what the app bounds is; absent where it bounds nothing. */
  readonly bounds?: readonly BoundUse[] | undefined
  /** Absent where the store keeps no limits. */
  readonly blocked?: Blocked | undefined
  /** Records by state, where all are listed. */
  readonly jobs?: Readonly<Record<string, number>>
  /** There are more records than were counted. */
  readonly more?: boolean
}

/**
 * `celeriac status`: the stores and what is in them; the exit code is 1 when they cannot be reached, or the worker that
 * was asked for does not answer.
 */
export async function status(options: StatusCommandOptions): Promise<void> {
  const worker = options.worker === undefined ? undefined : workerName(options.worker)
  const found = await withApp(options, (app) => look(app, options.queues ?? queuesOf(app), worker))
  process.stdout.write(`${options.json ? jsonText(found) : statusText(found)}\n`)
  if (!found.reachable || (worker !== undefined && !found.workers?.includes(worker))) process.exitCode = 1
}

async function look(app: App, queues: readonly string[], worker?: string): Promise<Status> {
  const urls = { broker: String(app.config.broker), backend: String(app.config.backend) }
  try {
    const { broker, backend, lists } = await app.connect()
    const sizes: Record<string, number> = {}
    for (const queue of queues) sizes[queue] = await app.queueSize(queue)
    const counts = lists === 'all' ? await countStates(app) : {}
    const workers = await workersOf(app, worker)
    const blocked = await blockedOf(app)
    const used = await app.bounds(queues)
    const bounds = used.length > 0 ? used : undefined
    return { broker, backend, reachable: true, workers, queues: sizes, bounds, blocked, ...counts }
  } catch (error) {
    if (!isStoreAway(error)) throw error
    return { ...urls, reachable: false, problem: (error as Error).message }
  }
}

/** One that is busy with a task that blocks it may not answer in time. */
async function workersOf(app: App, worker?: string): Promise<readonly string[]> {
  const one =
    worker === undefined ? { timeout: REPLY_TIMEOUT_MS } : { timeout: NAMED_REPLY_TIMEOUT_MS, destination: [worker] }
  const replies = await new Control(app).ping(one)
  return replies.flatMap((reply) => Object.keys(reply)).sort()
}

async function countStates(app: App): Promise<Pick<Status, 'jobs' | 'more'>> {
  const counts: Record<string, number> = {}
  let cursor: string | undefined
  for (let seen = 0; seen < MAX_COUNTED_RECORDS; seen += PAGE_SIZE) {
    const page = await app.jobs({ limit: PAGE_SIZE, cursor })
    for (const { state } of page.jobs) counts[state] = (counts[state] ?? 0) + 1
    cursor = page.cursor
    if (cursor === undefined) return { jobs: counts }
  }
  return { jobs: counts, more: true }
}

function statusText(status: Status): string {
  const { broker, backend, reachable, problem, workers, queues, bounds, blocked, jobs, more } = status
  const lines = [
    `store:     ${broker}`,
    ...(backend === broker ? [] : [`results:   ${backend}`]),
    `reachable: ${reachable ? 'yes' : `no (${problem})`}`,
  ]
  if (workers) lines.push(`workers:   ${workers.join(', ') || 'none answers'}`)
  if (queues) lines.push(`waiting:   ${listText(queues)}`)
  if (bounds) lines.push(`bounds:    ${bounds.map(boundText).join(', ')}`)
  if (blocked) lines.push(...blockedLines(blocked, NAME_WIDTH))
  if (jobs) lines.push(`tasks:     ${listText(jobs)}${more ? ` (the newest ${MAX_COUNTED_RECORDS})` : ''}`)
  return lines.join('\n')
}

function boundText({ what, used, limit, nearlyFull }: BoundUse): string {
  return `${what} ${used} of ${limit}${nearlyFull ? ' (nearly full)' : ''}`
}

function listText(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none'
  )
}
