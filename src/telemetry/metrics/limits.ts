import type { BreakerState, LimitState, LimitStore } from '../../broker/limits.ts'
import { subjectOf } from '../../config/task/limitPlan.ts'
import { gauge, type MetricFacts } from './counters.ts'
import type { Family } from './family.ts'

/**
 * How many limits of a store are read for one scrape, by rule and key. Those with keys may be many more: of what
 * follows, only the pauses are read.
 */
const MAX_READ = 1000

const HELD: MetricFacts = {
  name: 'celeriac_limit_held',
  help: 'How much of a limit is held by tasks that workers have taken, all of its keys together.',
}
const WAITING: MetricFacts = {
  name: 'celeriac_limit_waiting',
  help: 'Messages that wait and need a limit, all of its keys together.',
}
const PAUSED: MetricFacts = {
  name: 'celeriac_paused',
  help: 'What is paused: queues, tasks and limits; of the keys of a task how many.',
}
const BREAKER: MetricFacts = {
  name: 'celeriac_breaker_state',
  help: 'The breaker of a limit: 0 closed, 1 half-open, 2 open; with keys, the one that is open the most.',
}

/** All of them. Their labels are the names of rules, queues and tasks, never keys. */
export const LIMIT_GAUGES: readonly MetricFacts[] = [HELD, WAITING, PAUSED, BREAKER]

const BREAKER_VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** What a store says of its limits. */
export interface LimitLook {
  readonly used: readonly LimitState[]
  readonly paused: readonly LimitState[]
}

/** One read, and a second one where there are more limits than are read. Rejects with StoreUnavailableError. */
export async function lookAtLimits(limits: LimitStore): Promise<LimitLook> {
  const used = await limits.list({ limit: MAX_READ })
  const paused =
    used.length < MAX_READ ? used.filter((limit) => limit.paused) : await limits.list({ paused: true, limit: MAX_READ })
  return { used, paused }
}

/** The values of one look; none where the store keeps no limits. */
export function limitFamilies({ used, paused }: LimitLook = { used: [], paused: [] }): Family[] {
  // A rule that is not defined limits nothing: anyone who can send a message can name any number of them.
  const defined = Map.groupBy(
    used.filter(({ limit }) => limit !== undefined),
    ({ rule }) => rule,
  )
  const byRule = (value: (states: readonly LimitState[]) => number | undefined): Family['values'] =>
    [...defined].flatMap(([rule, states]) => {
      const found = value(states)
      return found === undefined ? [] : [{ labels: { rule }, value: found }]
    })
  return [
    gauge(
      HELD,
      byRule((states) => sum(states.map(({ held }) => held))),
    ),
    gauge(
      WAITING,
      byRule((states) => sum(states.map(({ waiting }) => waiting))),
    ),
    gauge(PAUSED, pausedValues(paused)),
    gauge(
      BREAKER,
      byRule((states) => {
        const values = states.flatMap(({ breaker }) => (breaker === undefined ? [] : BREAKER_VALUES[breaker]))
        return values.length === 0 ? undefined : Math.max(...values)
      }),
    ),
  ]
}

function pausedValues(paused: readonly LimitState[]): Family['values'] {
  const subjects = Map.groupBy(paused.map(subjectOf), ({ kind, name }) => JSON.stringify([kind, name]))
  return [...subjects.values()].flatMap((same) => {
    const [first] = same
    // The limits of one key are paused together.
    const value = Math.max(...[...Map.groupBy(same, ({ option = '' }) => option).values()].map(({ length }) => length))
    return first ? [{ labels: { kind: first.kind, name: first.name }, value }] : []
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
