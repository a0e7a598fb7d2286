import { FORMAT, type Results, type Run } from '../../bench/report/results.ts'

export const SEMANTICS = { ack: 'late', result: 'stored', durable: 'at once', events: 'none' }

/** Results of one scenario, `redis/drain`, with these runs. */
export function resultsOf(runs: readonly Run[], more: Partial<Results> = {}): Results {
  return {
    format: FORMAT,
    started: '2026-11-28T10:00:00.000Z',
    seconds: 60,
    commit: 'abc1234',
    machine: { node: '24.0.0', sqlite: '3.50.0', platform: 'linux x64', cpu: 'A', cores: 2, memoryGiB: 8, load: 0.1 },
    settings: { window: 10, repeats: 3, cold: 20_000, quick: false },
    servers: ['redis-server 7.0.15'],
    scenarios: [{ name: 'redis/drain', title: 'no-op tasks' }],
    entrants: [...new Set(runs.map(({ entrant }) => entrant))].map((entrant) => ({
      scenario: 'redis/drain',
      entrant,
      version: `${entrant} 1.2.3`,
      semantics: SEMANTICS,
    })),
    missing: [],
    runs,
    failures: [],
    ...more,
  }
}

/** Runs of `redis/drain`, a rate for each repeat. */
export function runsOf(entrant: string, ...rates: readonly number[]): Run[] {
  return rates.map((rate, index) => ({
    scenario: 'redis/drain',
    entrant,
    repeat: index + 1,
    figures: { 'tasks/s': rate, 'worker CPU µs/task': 1e6 / rate },
  }))
}
