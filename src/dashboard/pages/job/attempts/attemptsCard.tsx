import type { JSX } from 'preact'
import type { JobStepDocument } from '../../../../protocol/recordedDocument.ts'
import { useValue } from '../../../api/signal.ts'
import { to } from '../../../app/location.ts'
import { isEnded } from '../../../parts/state.tsx'
import { count, duration } from '../../../parts/text/format.ts'
import { Outside, visible } from '../../../parts/text/outside.tsx'
import { Moment, now } from '../../../parts/text/time.tsx'
import { diffOf } from '../failure/diff.ts'
import type { JobView } from '../model.ts'
import { type Attempt, attemptsOf, endText, spansOf } from './attempts.ts'
import { Timeline } from './timeline.tsx'

/** Attempts that are drawn: the newest. */
const MAX_DRAWN = 50

/** The runs of a job side by side, and where their time went. */
export function Attempts({ job, steps }: { job: JobView; steps: readonly JobStepDocument[] }): JSX.Element | null {
  const time = useValue(now)
  const all = attemptsOf(steps, job)
  if (all.length === 0) return null
  const drawn = all.slice(-MAX_DRAWN)
  // What has ended stays as it is: it needs no clock.
  const end = isEnded(job.state) ? (drawn.at(-1)?.endedAt ?? Date.now()) : time
  return (
    <section class="card" aria-labelledby="job-timeline">
      <h2 id="job-timeline">{all.length > 1 ? `${count(all.length)} attempts` : 'Timeline'}</h2>
      {all.length > drawn.length && <p class="notice">The newest {MAX_DRAWN} are shown.</p>}
      <Timeline attempts={drawn} now={end} />
      {all.length > 1 && <Table attempts={drawn} now={end} />}
    </section>
  )
}

function Table({ attempts, now: until }: { attempts: readonly Attempt[]; now: number }): JSX.Element {
  return (
    <div class="scroll">
      <table class="job-attempts">
        <thead>
          <tr>
            <th class="right">Attempt</th>
            <th>Started</th>
            <th>Worker</th>
            <th class="right">Wait</th>
            <th class="right">Run</th>
            <th>End</th>
            <th>Error</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt, at) => (
            <Row key={attempt.number} attempt={attempt} before={attempts[at - 1]} now={until} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row(props: { attempt: Attempt; before: Attempt | undefined; now: number }): JSX.Element {
  const { attempt, before, now: until } = props
  const { number, startedAt, worker, exception } = attempt
  const spans = spansOf(attempt, until)
  const [wait, run] = (['wait', 'run'] as const).map((kind) => spans.find((span) => span.kind === kind))
  return (
    <tr>
      <td class="right">{number}</td>
      <td>
        <Moment at={startedAt} />
      </td>
      <td>
        {worker !== undefined && (
          <a href={to(['workers', worker])}>
            <Outside text={worker} />
          </a>
        )}
      </td>
      <td class="right">{wait ? duration(wait.to - wait.from) : '–'}</td>
      <td class="right">{run ? duration(run.to - run.from) : '–'}</td>
      <td>{endText(attempt)}</td>
      <td>{exception !== undefined && <Difference text={exception} before={before?.exception} />}</td>
    </tr>
  )
}

/** An error beside that of the attempt before. */
function Difference({ text, before }: { text: string; before: string | undefined }): JSX.Element {
  if (before === undefined) return <Outside text={text} length={300} />
  if (before === text) return <span class="quiet">The same error</span>
  return (
    <bdi class="job-diff">
      {diffOf(before, text).map(({ kind, text: part }, at) => {
        const shown = visible(part)
        if (kind === 'removed') return <del key={`${at}`}>{shown}</del>
        return kind === 'added' ? <ins key={`${at}`}>{shown}</ins> : shown
      })}
    </bdi>
  )
}
