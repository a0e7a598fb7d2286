import type { LimitState } from '../app/limits/limits.ts'
import type { BoundUse } from '../app/storeInfo.ts'
import type { ScheduleInfo } from '../beat/info.ts'
import { subjectText } from '../config/task/limitPlan.ts'
import type { RecordedWorker, Recording } from '../recorder/recording.ts'
import type { Reading } from './judge.ts'
import type { AlertRule, ParsedRule } from './rules.ts'

/** A queue, and for how long its oldest message waits, ms; undefined where it is empty, or the store does not know. */
export interface WaitingQueue {
  readonly name: string
  readonly oldestAge?: number | undefined
}

/** What rules look at; only what one needs is read. */
export interface Watched extends Pick<Recording, 'stats' | 'workers'> {
  queues(): Promise<readonly WaitingQueue[]>
  schedules(): Promise<readonly Pick<ScheduleInfo, 'name' | 'nextRunAt'>[]>
  limits(): Promise<readonly LimitState[]>
  bounds(): Promise<readonly BoundUse[]>
}

type Find = (rule: ParsedRule, watched: Watched, now: number) => Promise<Reading[]>

/** Stats in minutes where seconds would be too many points. */
const MAX_SECONDS_MS = 600_000

const KINDS: Readonly<Record<AlertRule['on'], Find>> = {
  'failure-rate': failureRates,
  'oldest-age': async (rule, watched) =>
    (await watched.queues()).flatMap(({ name, oldestAge = 0 }) =>
      rule.matches(name) && oldestAge > rule.above
        ? [
            {
              subject: `queue ${name}`,
              value: oldestAge,
              text: `a message waits in the queue ${name} for ${seconds(oldestAge)}`,
            },
          ]
        : [],
    ),
  'worker-lost': async (rule, watched, now) =>
    (await watched.workers())
      .filter((worker) => rule.matches(worker.name) && isLost(worker))
      .map((worker) => ({
        subject: `worker ${worker.name}`,
        value: now - worker.seenAt,
        text: `the worker ${worker.name} was lost: its last event came at ${new Date(worker.seenAt).toISOString()}`,
      })),
  'beat-late': async (rule, watched, now) =>
    (await watched.schedules()).flatMap(({ name, nextRunAt }) => {
      const late = nextRunAt === undefined ? 0 : now - nextRunAt.getTime()
      if (late <= rule.above || !rule.matches(name)) return []
      return [
        {
          subject: `schedule ${name}`,
          value: late,
          text: `the schedule ${name} is late by ${seconds(late)}: no beat sends it`,
        },
      ]
    }),
  'breaker-open': async (rule, watched) =>
    (await watched.limits()).flatMap((limit) => {
      const { breaker = 'closed' } = limit
      const subject = subjectText(limit)
      if (breaker === 'closed' || !rule.matches(subject)) return []
      return [{ subject, value: 1, text: `the circuit breaker of ${subject} is ${breaker}` }]
    }),
  'store-full': async (rule, watched) =>
    (await watched.bounds()).flatMap(({ what, used, limit }) => {
      const share = limit === 0 ? 0 : used / limit
      if (share <= rule.above) return []
      return [{ subject: what, value: share, text: `${what}: ${used} of ${limit} are used (${percent(share)})` }]
    }),
}

/** What a rule finds now. Rejects with StoreUnavailableError. */
export function readingsOf(rule: ParsedRule, watched: Watched, now: number): Promise<Reading[]> {
  return KINDS[rule.on](rule, watched, now)
}

/** It was seen in the last day, said nothing for two of its heartbeats, and did not say that it ends. */
function isLost({ isAlive, stoppedAt }: RecordedWorker): boolean {
  return !isAlive && stoppedAt === undefined
}

async function failureRates(rule: ParsedRule, watched: Watched, now: number): Promise<Reading[]> {
  const step = rule.over <= MAX_SECONDS_MS ? '1s' : '1m'
  const by = rule.pattern === undefined ? 'all' : 'task'
  const { series } = await watched.stats({ from: now - rule.over, to: now, step, by })
  return series.flatMap(({ name, total: { failed, succeeded } }) => {
    if (by === 'task' && !rule.matches(name)) return []
    const ended = failed + succeeded
    const share = ended === 0 ? 0 : failed / ended
    if (ended < rule.atLeast || share <= rule.above) return []
    const subject = by === 'all' ? '' : `task ${name}`
    const whose = by === 'all' ? 'runs' : `runs of ${name}`
    return [
      {
        subject,
        value: share,
        text: `${failed} of ${ended} ${whose} failed in ${seconds(rule.over)} (${percent(share)})`,
      },
    ]
  })
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
