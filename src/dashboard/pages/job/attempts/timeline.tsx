import type { JSX } from 'preact'
import { duration } from '../../../parts/text/format.ts'
import { type Attempt, endText, type Span, spansOf } from './attempts.ts'

const NAMES: Readonly<Record<Span['kind'], string>> = { wait: 'Wait', run: 'Run', settle: 'Settle' }

/** Where the time of a job went: a line for each run, on one scale, with the numbers as text. */
export function Timeline({ attempts, now }: { attempts: readonly Attempt[]; now: number }): JSX.Element {
  const start = attempts[0]?.from ?? now
  const lines = attempts.map((attempt) => ({ attempt, spans: spansOf(attempt, now) }))
  const end = Math.max(start + 1, ...lines.flatMap(({ spans }) => spans.map(({ to }) => to)))
  // What is drawn, as it is drawn.
  const legend = new Map(
    lines.flatMap(({ attempt, spans }) =>
      spans.map(({ kind }) => [wordOf(kind, attempt), lookOf(kind, attempt)] as const),
    ),
  )
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
                  class={lookOf(kind, attempt)}
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
        {[...legend].map(([name, look]) => (
          <span key={name}>
            <span class={look} aria-hidden="true" /> {name}
          </span>
        ))}
        <span>{duration(end - start)} in all</span>
      </p>
    </>
  )
}

function lookOf(kind: Span['kind'], { end }: Attempt): string {
  return `span ${kind} ${end ?? 'open'}`
}

/** A run is drawn by its end. */
function wordOf(kind: Span['kind'], { end }: Attempt): string {
  if (kind !== 'run' || end === undefined || end === 'revoked' || end === 'rejected') return NAMES[kind]
  return end === 'succeeded' ? 'Run that succeeded' : 'Run that failed'
}

/** Before a retry it is a pause. */
function nameOf(kind: Span['kind'], { number }: Attempt): string {
  return kind === 'wait' && number > 1 ? 'Pause' : NAMES[kind]
}
