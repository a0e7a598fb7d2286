import type { Effect, History, Loss } from './history.ts'

/** How much later than its token was taken a run may begin, ms: it is taken ahead, and machines are busy. */
const LATENESS_MS = 1500

/** What is wrong with the runs of one key, by the id of the run that shows it. */
export interface LimitProblem {
  readonly id: string
  readonly text: string
}

/**
 * Of each key no more runs under valid leases than its limit, and in no time more than its bucket has. A run whose
 * worker was lost is valid until that. Times with faults are left out of the bucket: clocks jump, and restarts delay.
 */
export function limitProblems({ submissions, effects, losses, disturbances, limit }: History): LimitProblem[] {
  if (!limit) return []
  const keys = new Map(submissions.flatMap(({ id, key }) => (key === undefined ? [] : [[id, key] as const])))
  const byKey = Map.groupBy(effects, ({ id }) => keys.get(id))
  byKey.delete(undefined)
  return [...byKey].flatMap(([key = '', own]) => [
    ...tooMany(key, own, losses, limit.concurrency),
    ...tooOften(key, own, disturbances, limit),
  ])
}

function tooMany(key: string, effects: readonly Effect[], losses: readonly Loss[], most: number): LimitProblem[] {
  const steps = effects.flatMap((effect) => [
    { at: effect.begin, id: effect.id, change: 1 },
    { at: validUntil(effect, losses), id: effect.id, change: -1 },
  ])
  steps.sort((a, b) => a.at - b.at || a.change - b.change)
  let running = 0
  for (const { id, change } of steps) {
    running += change
    if (running > most) return [{ id, text: `${running} of key ${key} ran at once; its limit is ${most}` }]
  }
  return []
}

function validUntil({ process, begin, end = Number.POSITIVE_INFINITY }: Effect, losses: readonly Loss[]): number {
  const lost = losses.filter((loss) => loss.processes.includes(process) && loss.to >= begin && loss.from <= end)
  return Math.max(begin, Math.min(end, ...lost.map(({ from }) => from)))
}

function tooOften(
  key: string,
  effects: readonly Effect[],
  disturbances: History['disturbances'],
  { interval, burst }: NonNullable<History['limit']>,
): LimitProblem[] {
  const begun = [...effects].sort((a, b) => a.begin - b.begin)
  // In a window from the first to the last that is `burst` and more later: shorter ones cannot hold too many.
  for (const [first, from] of begun.entries()) {
    for (let last = first + burst; last < begun.length; last++) {
      const to = begun[last] as Effect
      if (disturbances.some((one) => one.from <= to.begin && one.to >= from.begin)) break
      const most = burst + (to.begin - from.begin + LATENESS_MS) / interval
      const count = last - first + 1
      if (count > most)
        return [
          {
            id: to.id,
            text: `${count} of key ${key} began within ${to.begin - from.begin} ms, at most ${Math.floor(most)}`,
          },
        ]
    }
  }
  return []
}
