import { atLeast, atMost, type Measured, medianOf, quotient, sum, type Verdict } from '../report.ts'

/** What must hold, as far as it was measured. */
export function verdicts(all: readonly Measured[]): Verdict[] {
  const of = (scenario: string, figure: string, side = 'celeriac'): number | undefined =>
    medianOf(all, scenario, figure, side)
  const ratio = (scenario: string, figure: string, side: string): number | undefined =>
    quotient(of(scenario, figure), of(scenario, figure, side))
  const whole = (figure: string): number | undefined => sum(of('enqueue', figure), of('drain', figure))
  return [
    atLeast('enqueue, rate / BullMQ', ratio('enqueue', 'tasks/s', 'BullMQ'), 3),
    atLeast('enqueue, rate / Celery', ratio('enqueue', 'tasks/s', 'Celery')),
    atLeast('drain, rate / BullMQ', ratio('drain', 'tasks/s', 'BullMQ'), 3),
    atLeast('drain, rate / Celery prefork', ratio('drain', 'tasks/s', 'Celery'), 30),
    atMost('operations per task, enqueue and drain', whole('operations/task'), 9),
    atMost('round trips per task, drain', of('drain', 'round trips/task'), 0.1),
    atMost('round trips per task, enqueue and drain', whole('round trips/task'), 0.1),
    atMost('round trip, p50 ms', of('round-trip', 'p50 ms'), 1),
    atMost('round trip, p99 ms', of('round-trip', 'p99 ms'), 5),
    atLeast('drain with 1 ms latency / without, same proxy', of('latency', 'share kept'), 0.7),
    atLeast('drain with 1 ms latency / direct', quotient(of('latency', 'tasks/s, 1 ms'), of('drain', 'tasks/s')), 0.7),
    atMost('idle worker, commands/s', of('idle', 'commands/s'), 1),
    atLeast(
      'backlog, rate of 1,000,000 / 10,000',
      quotient(of('backlog-1000000', 'tasks/s'), of('backlog-10000', 'tasks/s')),
      0.9,
    ),
  ].filter((verdict) => verdict !== undefined)
}
