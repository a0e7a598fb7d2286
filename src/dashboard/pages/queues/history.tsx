import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { StatsPointDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { useValue } from '../../api/signal.ts'
import { can } from '../../app/session.ts'
import { Chart } from '../../parts/chart/chart.tsx'
import { Shown } from '../../parts/page.tsx'
import { count, duration } from '../../parts/text/format.ts'
import { now } from '../../parts/text/time.tsx'
import { stepsOf } from '../overview/series.ts'

const MINUTES = 60
/** Rows of the table beside the chart. */
const ROWS = 10
const MINUTE_MS = 60_000
const RELOAD_MS = 5000
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })

/** What was sent to a queue and what began, in each of the last minutes. */
export function History({ queue }: { queue: string }): JSX.Element | null {
  const isRecorded = can('record')
  const stats = useResource(
    async (signal) => {
      const to = new Date()
      const from = new Date(to.getTime() - MINUTES * MINUTE_MS)
      if (!isRecorded) return { points: [] }
      const { series } = await client.recorded.stats({ by: 'queue', queue, step: '1m', from, to, signal })
      return { points: series[0]?.points ?? [] }
    },
    [queue, isRecorded],
    { every: RELOAD_MS },
  )
  if (!isRecorded) return null
  return (
    <section class="part" aria-labelledby="history">
      <h2 id="history">The last hour</h2>
      <Shown of={stats}>
        {({ points }) =>
          points.length === 0 ? (
            <p class="quiet">No job was recorded.</p>
          ) : (
            <>
              <Lines points={points} />
              <Table points={points.slice(-ROWS)} />
            </>
          )
        }
      </Shown>
    </section>
  )
}

/** Sent above started: the queue grows. Without events of callers, what started alone. */
function Lines({ points }: { points: readonly StatsPointDocument[] }): JSX.Element {
  // The minute that is not over yet would look like a fall.
  const end = Math.floor(useValue(now) / MINUTE_MS) * MINUTE_MS
  const { times, lines } = useMemo(() => {
    const steps = stepsOf(points, end - MINUTES * MINUTE_MS, end, MINUTE_MS)
    const sent = steps.points.map((point) => point?.sent ?? 0)
    const isSent = sent.some((value) => value > 0)
    const started = steps.points.map((point) => point?.started ?? 0)
    return {
      times: steps.times,
      lines: [
        ...(isSent ? [{ label: 'Sent', color: '--warn', dashed: true, values: sent }] : []),
        { label: 'Started', color: '--run', values: started },
      ],
    }
  }, [points, end])
  return <Chart title="Jobs each minute" times={times} lines={lines} format={count} />
}

function Table({ points }: { points: readonly StatsPointDocument[] }): JSX.Element {
  // Callers say what they send only where they were asked to (`taskSentEvents`).
  const isSent = points.some(({ sent }) => sent > 0)
  return (
    <div class="scroll">
      <table class="history">
        <thead>
          <tr>
            <th>Minute</th>
            {isSent && <th class="right">Sent</th>}
            <th class="right">Started</th>
            <th class="right">Succeeded</th>
            <th class="right">Failed</th>
            <th class="right" title="Half of the jobs waited no longer">
              Waited, median
            </th>
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((point) => (
            <tr key={point.at}>
              <td>
                <time dateTime={point.at}>{time.format(new Date(point.at))}</time>
              </td>
              {isSent && <td class="right">{count(point.sent)}</td>}
              <td class="right">{count(point.started)}</td>
              <td class="right">{count(point.succeeded)}</td>
              <td class="right">{count(point.failed)}</td>
              <td class="right">{point.wait === undefined ? '–' : duration(point.wait.p50)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
