import type { JSX } from 'preact'
import { duration } from '../../../parts/text/format.ts'
import { type Attempt, endText, type Span, spansOf } from './attempts.ts'

const NAMES: Readonly<Record<Span['kind'], string>> = { wait: 'Wait', run: 'Run', settle: 'Settle' }

/** Where the time of a job went: a line for each run, on one scale, with the numbers as text. */
export function Timeline({ attempts, now }: { attempts: readonly Attempt[]; now: number }): JSX.Element {
  const start = attempts[0]?.from ?? now
  const lines = attempts.map((attempt) => ({ attempt, spans: spansOf(attempt, now) }))
  const end = Math.max(start + 1, ...lines.flatMap(({ spans }) => spans.map(({ to }) => to)))
  const share = (at: number): string => `${((at - start) / (end - start)) * 100}%`
  return (
    <>
      <ol class="job-timeline">
        {lines.map(({ attempt, spans }) => (
          <li key={attempt.number}>
            <span class="name">{attempts.length > 1 ? `Attempt ${attempt.number}` : endText(attempt)}</span>
            <span class="track" aria-hidden="true">
              {spans.map(({ kind, from, to }) => (
                <span
                  key={kind}
                  class={`span ${kind} ${attempt.end ?? 'open'}`}
                  style={{ left: share(from), width: share(start + to - from) }}
                  title={`${nameOf(kind, attempt)}: ${duration(to - from)}`}
                />
              ))}
            </span>
            <span class="number quiet">
              {spans
                .map(({ kind, from, to }) => `${nameOf(kind, attempt).toLowerCase()} ${duration(to - from)}`)
                .join(' · ')}
            </span>
          </li>
        ))}
      </ol>
      <p class="job-legend quiet">
        {(['wait', 'run', 'settle'] as const).map((kind) => (
          <span key={kind}>
            <span class={`span ${kind}`} aria-hidden="true" /> {NAMES[kind]}
          </span>
        ))}
        <span>{duration(end - start)} in all</span>
      </p>
    </>
  )
}

/** Before a retry it is a pause. */
function nameOf(kind: Span['kind'], { number }: Attempt): string {
  return kind === 'wait' && number > 1 ? 'Pause' : NAMES[kind]
}
