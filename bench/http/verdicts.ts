import { atLeast, type Measured, medianOf, quotient, type Verdict } from '../report.ts'

/** What must hold, as far as it was measured. */
export function verdicts(all: readonly Measured[]): Verdict[] {
  const ratio = (scenario: string, side: string): number | undefined =>
    quotient(medianOf(all, scenario, 'requests/s', 'celeriac'), medianOf(all, scenario, 'requests/s', side))
  return [
    atLeast('submit, rate / Fastify + BullMQ', ratio('submit', 'Fastify'), 1.2),
    atLeast('submit, rate / Flask + Celery', ratio('submit', 'Flask'), 9),
    atLeast('status while it waits, rate / Flask + Celery', ratio('status-pending', 'Flask'), 6),
    atLeast('status after the end, rate / Flask + Celery', ratio('status-ended', 'Flask'), 6),
    atLeast('status while it waits, rate / Fastify + BullMQ', ratio('status-pending', 'Fastify')),
    atLeast('status after the end, rate / Fastify + BullMQ', ratio('status-ended', 'Fastify')),
  ].filter((verdict) => verdict !== undefined)
}
