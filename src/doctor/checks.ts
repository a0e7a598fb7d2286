import type { App } from '../app/app.ts'
import type { LimitState } from '../app/limits/limits.ts'
import type { BoundUse } from '../app/storeInfo.ts'
import type { JobInfo } from '../calls/jobInfo.ts'
import { isFinal } from '../protocol/states.ts'
import type { Fleet } from './fleet.ts'
import { JOB_LIMIT_CHECKS, LIMIT_CHECKS, type NeededLimit } from './limits.ts'

/** What is wrong: the evidence, and what to do, in one line. */
export interface Finding {
  /** Its name, for programs; it never changes. */
  readonly check: string
  readonly text: string
}

/** What the checks of one job look at. */
export interface JobEvidence {
  readonly id: string
  readonly info: JobInfo | undefined
  readonly message: Awaited<ReturnType<App['message']>>
  /** The store can find messages. */
  readonly finds: boolean
  /** Those that it needs, while it waits. */
  readonly limits: readonly NeededLimit[]
  readonly fleet: Fleet
  /** By the clock of the store, ms since the epoch. */
  readonly now: number
}

/** What the checks of an installation look at. */
export interface InstallationEvidence {
  readonly fleet: Fleet
  /** Messages that wait, by queue; and in the queues of what could not be run. */
  readonly waiting: ReadonlyMap<string, number>
  readonly dead: ReadonlyMap<string, number>
  /** Of what the app bounds. */
  readonly bounds: readonly BoundUse[]
  /** Those that are in use or paused. */
  readonly limits: readonly LimitState[]
  /** ms since the epoch */
  readonly now: number
}

/** Its name, and how it finds what is wrong. */
export type Check<Evidence> = readonly [check: string, find: (evidence: Evidence) => string | undefined]

/** In this order; the first that decides it is the most likely reason. A further check is a further row. */
export const JOB_CHECKS: readonly Check<JobEvidence>[] = [
  [
    'unknown-job',
    ({ id, info, message, finds }) =>
      info || message
        ? undefined
        : `no record${finds ? ' and no message' : ''} of ${id}: the id is wrong, the task ignores its result and has ended, or the record has expired`,
  ],
  [
    'ended',
    ({ info }) =>
      info && isFinal(info.state)
        ? `it has ended: ${info.state}${info.finishedAt ? ` at ${info.finishedAt.toISOString()}` : ''}; see celeriac result`
        : undefined,
  ],
  [
    'delayed',
    ({ id, message }) =>
      message?.place === 'delayed' && message.due !== undefined
        ? `it is delayed until ${new Date(message.due).toISOString()}: celeriac promote ${id} lets it run now`
        : undefined,
  ],
  [
    'lease-expired',
    ({ message, now }) =>
      message?.place === 'held' && message.leaseEnds !== undefined && message.leaseEnds < now
        ? `its worker ${message.holder ?? '(unknown)'} was lost: the lease ended ${seconds(now - message.leaseEnds)} s ago; another worker on this store rescues it`
        : undefined,
  ],
  [
    'worker-silent',
    ({ message, info, fleet }) => {
      const holder = message?.place === 'held' ? (message.holder ?? info?.worker) : undefined
      return holder !== undefined && !fleet.workers.includes(holder)
        ? `${holder} holds it and does not answer: it is busy with a task that blocks it, or lost; then the message is rescued when its lease ends`
        : undefined
    },
  ],
  [
    'running',
    ({ id, message, info, fleet, now }) => {
      const holder = message?.place === 'held' ? (message.holder ?? info?.worker) : undefined
      if (holder === undefined || !fleet.workers.includes(holder)) return undefined
      const ends = message?.leaseEnds
      if (ends !== undefined && ends < now) return undefined
      const lease = ends === undefined ? '' : `, with a lease of ${seconds(ends - now)} s more, which it renews`
      return `${holder} has it${lease}: celeriac inspect query_task ${id} says whether it runs or waits there for a slot`
    },
  ],
  ...JOB_LIMIT_CHECKS,
  [
    'no-consumer',
    ({ message, info, fleet }) => {
      const queue = message?.place === 'held' ? undefined : (message?.queue ?? openQueue(info))
      return queue !== undefined && !fleet.queues.has(queue)
        ? `no worker that answers takes from the queue ${queue}: start one with -Q ${queue}`
        : undefined
    },
  ],
  [
    'unknown-task',
    ({ message, info, fleet }) => {
      const task = info?.task
      const isOpen = info !== undefined && !isFinal(info.state) && message?.place !== 'held'
      return task !== undefined && isOpen && fleet.workers.length > 0 && !fleet.tasks.has(task)
        ? `no worker that answers knows the task ${task}: start one whose module defines it`
        : undefined
    },
  ],
  [
    'no-message',
    ({ info, message, finds }) =>
      finds && info && !message && !isFinal(info.state)
        ? `its record says ${info.state}, but no message of it was found in its queue, delayed or held: it was purged, it waits for a task before it, or it is too far back to be searched for`
        : undefined,
  ],
]

/** The checks of an installation. */
export const INSTALLATION_CHECKS: readonly Check<InstallationEvidence>[] = [
  ['no-worker', ({ fleet }) => (fleet.workers.length === 0 ? 'no worker answers: start celeriac worker' : undefined)],
  [
    'no-consumer',
    ({ fleet, waiting }) => {
      const lonely = [...waiting].filter(([queue, count]) => count > 0 && !fleet.queues.has(queue))
      return lonely.length > 0
        ? `no worker that answers takes from ${lonely.map(([queue, count]) => `${queue} (${count} waiting)`).join(', ')}: start one with -Q`
        : undefined
    },
  ],
  [
    'dead-letters',
    ({ dead }) => {
      const full = [...dead].filter(([, count]) => count > 0)
      return full.length > 0
        ? `messages that were given up: ${full.map(([queue, count]) => `${queue} (${count})`).join(', ')}: celeriac dead list says why`
        : undefined
    },
  ],
  [
    'nearly-full',
    ({ bounds }) => {
      const full = bounds.filter(({ nearlyFull }) => nearlyFull)
      return full.length > 0
        ? `${full.map(({ what, used, limit, option }) => `${what}: ${used} of ${limit} (${option})`).join(', ')}: raise the option, or work off more; at the limit calls are refused, or the oldest goes`
        : undefined
    },
  ],
  ...LIMIT_CHECKS,
]

/** What the checks of a table find. */
export function findingsOf<Evidence>(checks: readonly Check<Evidence>[], evidence: Evidence): Finding[] {
  return checks.flatMap(([check, find]) => {
    const text = find(evidence)
    return text === undefined ? [] : [{ check, text }]
  })
}

function openQueue(info: JobInfo | undefined): string | undefined {
  return info && !isFinal(info.state) && info.startedAt === undefined ? info.queue : undefined
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
