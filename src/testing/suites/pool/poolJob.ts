import assert from 'node:assert/strict'
import { readEmission } from '../../../protocol/emission.ts'
import type { AbortReason, Report } from '../../../protocol/job.ts'
import type { ErrorInfo, Outcome, StopReason } from '../../../protocol/outcome.ts'
import { Stop } from '../../../std/stopSignal.ts'
import type { Pool } from '../../../worker/pool/pool.ts'
import { jobOf } from '../../factories.ts'
import { within } from '../../kit.ts'
import { toldJob } from './poolMessage.ts'

/** One job in a pool, and the ways to end it. */
export interface Started {
  readonly outcome: Promise<Outcome>
  readonly reports: Report[]
  /** States that it reported and chunks that it emitted, as they came. */
  readonly told: string[]
  readonly lines: unknown[]
  /** That it sent: type and fields. */
  readonly events: unknown[]
  /** Take what was emitted, and what comes. */
  take(): void
  /** After the first report. */
  readonly running: Promise<void>
  stop(reason: AbortReason): void
  kill(reason: StopReason): void
}

let count = 0

export function start(
  pool: Pool,
  task: string,
  args: readonly unknown[] = [],
  aborted: { stop?: AbortReason; kill?: StopReason } = {},
  listen: 'taken' | 'held' | 'absent' = 'taken',
): Started {
  const job = jobOf(`job-${++count}`, task, args)
  const signal = new Stop()
  const kill = new Stop()
  if (aborted.stop) signal.abort(aborted.stop)
  if (aborted.kill) kill.abort(aborted.kill)
  const reports: Report[] = []
  const { promise: running, resolve } = Promise.withResolvers<void>()
  const told: string[] = []
  const lines: unknown[] = []
  const events: unknown[] = []
  const sendEvent = (...event: [type: string, fields: unknown]): void => void events.push(event)
  let held: (() => void)[] | undefined = listen === 'held' ? [] : undefined
  const emit = (emission: string | Uint8Array, taken: () => void): void => {
    const { kind, value } = readEmission(emission)
    if (kind === 'log') lines.push(value)
    else told.push((value as string).slice(0, 10).replace(/x+$/, ''))
    if (held) held.push(taken)
    else taken()
  }
  const report = (said: Report): void => {
    reports.push(said)
    told.push(said.state)
    resolve()
  }
  return {
    outcome: within(
      `the outcome of ${task}`,
      pool.run(toldJob(job), { signal, kill, report, sendEvent, emit: listen === 'absent' ? undefined : emit }),
    ),
    reports,
    told,
    lines,
    events,
    take: () => {
      const waiting = held ?? []
      held = undefined
      for (const taken of waiting) taken()
    },
    running,
    stop: (reason) => signal.abort(reason),
    kill: (reason) => kill.abort(reason),
  }
}

export async function assertWorks(pool: Pool): Promise<void> {
  assert.deepEqual(await start(pool, 'add', [1, 2]).outcome, { kind: 'success', result: 3 })
}

export function assertStopped(outcome: Outcome, by: StopReason, terminated: boolean): ErrorInfo {
  assert.ok(outcome.kind === 'stopped', `expected stopped, got ${JSON.stringify(outcome)}`)
  assert.deepEqual([outcome.by, outcome.terminated], [by, terminated])
  return outcome.error
}

export function failureOf(outcome: Outcome): ErrorInfo {
  assert.ok(outcome.kind === 'failure', `expected a failure, got ${JSON.stringify(outcome)}`)
  return outcome.error
}
