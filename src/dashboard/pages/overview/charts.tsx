import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { GapDocument, StatsPointDocument } from '../../../protocol/recordedDocument.ts'
import { useValue } from '../../api/signal.ts'
import { Chart } from '../../parts/chart/chart.tsx'
import { count, counted, dateTime, duration } from '../../parts/text/format.ts'
import { now } from '../../parts/text/time.tsx'
import { type Range, STEP_MS } from './ranges.ts'
import { type Steps, stepsOf } from './series.ts'

const WORDS: Readonly<Record<Range['step'], string>> = { '1s': 'second', '1m': 'minute', '1h': 'hour' }

/** Rates and times, step by step. */
export function Charts(props: {
  points: readonly StatsPointDocument[]
  gaps: readonly GapDocument[]
  range: Range
}): JSX.Element {
  const { points, gaps, range } = props
  const step = STEP_MS[range.step]
  // The step that is not over yet would look like a fall.
  const end = Math.floor(useValue(now) / step) * step
  const steps = useMemo(() => stepsOf(points, end - range.length, end, step), [points, end, range.length, step])
  const rates = useMemo(() => ratesOf(steps), [steps])
  const times = useMemo(() => timesOf(steps), [steps])
  return (
    <>
      <div class="charts">
        <Chart title={`Jobs each ${WORDS[range.step]}`} times={steps.times} lines={rates} format={count} />
        <Chart title="Queue and run time" times={steps.times} lines={times} format={duration} />
      </div>
      {gaps.length > 0 && <Gaps gaps={gaps} />}
    </>
  )
}

function ratesOf({ points }: Steps) {
  return [
    {
      label: 'Finished',
      color: '--good',
      values: points.map((point) => (point?.succeeded ?? 0) + (point?.failed ?? 0)),
    },
    { label: 'Failed', color: '--bad', dashed: true, values: points.map((point) => point?.failed ?? 0) },
    { label: 'Retried', color: '--again', dashed: true, values: points.map((point) => point?.retried ?? 0) },
  ]
}

function timesOf({ points }: Steps) {
  return [
    { label: 'Run, median', color: '--run', values: points.map((point) => point?.run?.p50 ?? null) },
    { label: 'Run, 95 %', color: '--run', dashed: true, values: points.map((point) => point?.run?.p95 ?? null) },
    { label: 'Queue, 95 %', color: '--warn', dashed: true, values: points.map((point) => point?.wait?.p95 ?? null) },
  ]
}

/** Times of which not all is known: a gap is no zero. */
function Gaps({ gaps }: { gaps: readonly GapDocument[] }): JSX.Element {
  const newest = gaps.slice(-3).toReversed()
  return (
    <details class={gaps.some(({ reason }) => reason === 'lost') ? 'notice' : 'quiet'}>
      <summary>Not all was recorded: {counted(gaps.length, 'gap')}</summary>
      <ul>
        {newest.map(({ from, to, reason, events }) => (
          <li key={from}>
            {dateTime(from)}, for {duration(Date.parse(to) - Date.parse(from))}:{' '}
            {reason === 'unrecorded'
              ? 'no recorder ran'
              : `${events === undefined ? '' : count(events)} events were lost`}
          </li>
        ))}
      </ul>
    </details>
  )
}
