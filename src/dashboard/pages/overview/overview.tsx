import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { LiveMessage } from '../../../client/events.ts'
import type { QueueListDocument } from '../../../protocol/queueDocument.ts'
import type { WorkerDocument } from '../../../protocol/workerDocument.ts'
import { client } from '../../api/client.ts'
import { merged, useLive } from '../../api/live.ts'
import { useResource } from '../../api/resource.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { can } from '../../app/session.ts'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Charts } from './charts.tsx'
import { RANGES, type Range } from './ranges.ts'
import { newerPoints } from './series.ts'
import { TaskTable } from './taskTable.tsx'
import { Tiles } from './tiles.tsx'

/** What happens in the fleet: rates, times, and what waits. */
export function Overview(): JSX.Element {
  const range = RANGES.find(({ name }) => name === here.value.query.get('range')) ?? RANGES[0]
  if (!can('see')) return <NotSeen />
  return (
    <Page
      title="Overview"
      actions={
        <>
          <Live />
          <Ranges current={range} />
        </>
      }
    >
      <Numbers key={range.name} range={range} />
    </Page>
  )
}

function Ranges({ current }: { current: Range }): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="unseen">Time</legend>
      {RANGES.map((range) => (
        <label key={range.name}>
          <input
            type="radio"
            name="range"
            checked={range === current}
            onChange={() => setQuery({ range: range === RANGES[0] ? undefined : range.name })}
          />
          <span>{range.label}</span>
        </label>
      ))}
    </fieldset>
  )
}

function Numbers({ range }: { range: Range }): JSX.Element {
  const isRecorded = can('record')
  const isLive = range.step === '1s'
  const [queues, setQueues] = useState<QueueListDocument>()
  const [workers, setWorkers] = useState<readonly WorkerDocument[]>()
  const stats = useResource((signal) => load(range, isRecorded, signal), [], { every: range.every })
  const change = (message: LiveMessage): void => {
    if (message.kind === 'queues')
      setQueues((before) => ({
        ...message,
        queues: merged(before?.queues ?? [], message.changed, message.gone, ({ name }) => name),
      }))
    if (message.kind === 'workers')
      setWorkers((before) => merged(before ?? [], message.changed, message.gone, ({ name }) => name))
    if (message.kind === 'stats' && isLive)
      stats.update((data) => ({
        ...data,
        points: newerPoints(data.points, message.series[0]?.points ?? [], Date.now() - range.length),
      }))
  }
  const watch = isRecorded ? (['stats', 'queues', 'workers'] as const) : (['queues', 'workers'] as const)
  useLive({ watch: { watch, ...(isRecorded && { by: 'all' as const }) }, begin: () => stats.reload(), change })
  return (
    <Shown of={stats}>
      {({ points, gaps, tasks }) => (
        <>
          <Tiles points={points} range={range} queues={queues} workers={workers} />
          {isRecorded ? <Charts points={points} gaps={gaps} range={range} /> : <NotRecorded />}
          {isRecorded && <TaskTable series={tasks} range={range} />}
        </>
      )}
    </Shown>
  )
}

async function load({ step, length }: Range, isRecorded: boolean, signal: AbortSignal) {
  if (!isRecorded) return { points: [], gaps: [], tasks: [] }
  const from = new Date(Date.now() - length)
  const [all, tasks] = await Promise.all([
    client.recorded.stats({ by: 'all', step, from, signal }),
    client.recorded.stats({ by: 'task', step, from, points: false, signal }),
  ])
  return { points: all.series[0]?.points ?? [], gaps: all.gaps, tasks: tasks.series }
}

function NotRecorded(): JSX.Element {
  return (
    <Empty title="Nothing is recorded">
      <p>
        Rates and times come from the recorder. Start it with <code>new Celeriac({'{ recorder: true }'})</code>, or by{' '}
        <code>celeriac dashboard</code>.
      </p>
    </Empty>
  )
}

function NotSeen(): JSX.Element {
  return (
    <Page title="Overview">
      <Empty title="You see your own jobs">
        <p>
          All of the fleet needs the role viewer. Yours are among the <a href={to('jobs')}>jobs</a>.
        </p>
      </Empty>
    </Page>
  )
}
