import { atLeast, atMost, type Measured, medianOf, quotient, type Verdict } from '../report.ts'

/** What must hold, as far as it was measured. */
export function verdicts(all: readonly Measured[]): Verdict[] {
  const of = (scenario: string, figure: string, side = 'celeriac'): number | undefined =>
    medianOf(all, scenario, figure, side)
  const rate = (scenario: string, side: string, other = scenario): number | undefined =>
    quotient(of(scenario, 'tasks/s'), of(other, 'tasks/s', side))
  return [
    atLeast('enqueue, rate / bare confirmed publish', rate('enqueue', 'bare'), 0.7),
    atLeast('enqueue, rate / plain confirmed publish', rate('enqueue', 'plain')),
    atLeast('enqueue, rate / Celery', rate('enqueue', 'Celery'), 15),
    atLeast('drain-rpc, rate / bare consume and ack', rate('drain-rpc', 'bare', 'drain-bare'), 0.5),
    atLeast('drain-rpc, rate / plain consume and ack', rate('drain-rpc', 'plain', 'drain-bare')),
    atLeast('drain-rpc, rate / Celery prefork', rate('drain-rpc', 'Celery'), 15),
    atLeast('drain-redis, rate / bare consume and ack', rate('drain-redis', 'bare', 'drain-bare'), 0.5),
    atLeast('drain-redis, rate / plain consume and ack', rate('drain-redis', 'plain', 'drain-bare')),
    atLeast('drain-redis, rate / Celery prefork', rate('drain-redis', 'Celery'), 15),
    atMost(
      'round trip, p50 ms / Celery',
      quotient(of('round-trip', 'p50 ms'), of('round-trip', 'p50 ms', 'Celery')),
      1,
    ),
  ].filter((verdict) => verdict !== undefined)
}
