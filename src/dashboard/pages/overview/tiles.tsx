import type { ComponentChildren, JSX } from 'preact'
import type { LiveSubject } from '../../../protocol/liveDocument.ts'
import type { QueueListDocument } from '../../../protocol/queueDocument.ts'
import type { StatsPointDocument } from '../../../protocol/recordedDocument.ts'
import type { WorkerDocument } from '../../../protocol/workerDocument.ts'
import { liveState, troubles } from '../../api/live.ts'
import { useValue } from '../../api/signal.ts'
import { to } from '../../app/location.ts'
import { count, counted, duration, percent, timeOfDay } from '../../parts/text/format.ts'
import { now } from '../../parts/text/time.tsx'
import type { Range } from './ranges.ts'
import { failureShare } from './series.ts'

export interface TilesProps {
  readonly points: readonly StatsPointDocument[]
  readonly range: Range
  readonly queues: QueueListDocument | undefined
  readonly workers: readonly WorkerDocument[] | undefined
}

/** Seconds that the rate is counted over. */
const RATE_S = 10

/** The numbers that are looked at first; those that cannot be read now are grey, and say since when. */
export function Tiles({ points, range, queues, workers }: TilesProps): JSX.Element {
  const time = useValue(now)
  const old = useOld()
  const sums = sumsOf(points)
  const share = failureShare(sums)
  const waiting = queues?.queues.reduce((sum, queue) => sum + queue.waiting, 0)
  const oldest = oldestOf(queues, time)
  const running = workers?.reduce((sum, worker) => sum + (worker.running?.length ?? 0), 0)
  const silent = workers?.filter(({ answers }) => !answers).length ?? 0
  return (
    <ul class="tiles">
      <Tile
        name="Finished"
        href={to('jobs', { state: 'SUCCESS,FAILURE' })}
        note={`in ${range.label}`}
        old={old('stats')}
      >
        {count(sums.succeeded + sums.failed)}
      </Tile>
      {range.step === '1s' && (
        <Tile name="Rate" note={`last ${RATE_S} s`} old={old('stats')}>
          {rateOf(points, time)}
        </Tile>
      )}
      <Tile
        name="Failed"
        href={to('failures')}
        note={counted(sums.failed, 'job')}
        alarm={(share ?? 0) >= 0.05}
        old={old('stats')}
      >
        {share === undefined ? '–' : percent(share)}
      </Tile>
      <Tile
        name="Waiting"
        href={to('queues')}
        note={queues && counted(queues.queues.length, 'queue')}
        old={old('queues')}
      >
        {waiting === undefined ? '–' : count(waiting)}
      </Tile>
      <Tile name="Oldest" href={to('queues')} note={oldest?.name ?? (queues && 'nothing waits')} old={old('queues')}>
        {oldest === undefined ? '–' : duration(oldest.age)}
      </Tile>
      <Tile name="Running" href={to('jobs', { state: 'STARTED' })} note={slotsOf(workers)} old={old('workers')}>
        {running === undefined ? '–' : count(running)}
      </Tile>
      <Tile
        name="Workers"
        href={to('workers')}
        alarm={silent > 0 || workers?.length === 0}
        note={workers && answersOf(workers.length, silent)}
        old={old('workers')}
      >
        {workers === undefined ? '–' : count(workers.length - silent)}
      </Tile>
    </ul>
  )
}

interface TileProps {
  readonly name: string
  readonly href?: string
  readonly note?: string | undefined
  /** It is time to look. */
  readonly alarm?: boolean
  /** Why it is not of now. */
  readonly old: string | undefined
  readonly children: ComponentChildren
}

function Tile({ name, href, note, alarm, old, children }: TileProps): JSX.Element {
  const content = (
    <>
      <span class="name">{name}</span> <strong class="number">{children}</strong>{' '}
      <span class="quiet">{old ?? note ?? ' '}</span>
    </>
  )
  return (
    <li class={`tile ${old !== undefined ? 'old' : alarm ? 'alarm' : ''}`}>
      {href === undefined ? <div>{content}</div> : <a href={href}>{content}</a>}
    </li>
  )
}

/** Why what is shown of a subject is not of now; undefined where it is. */
function useOld(): (subject: LiveSubject) => string | undefined {
  const known = useValue(troubles)
  const isBroken = useValue(liveState) === 'broken'
  return (subject) => {
    const since = known[subject]?.since
    if (since !== undefined) return `old, of ${timeOfDay(since)}`
    return isBroken ? 'old' : undefined
  }
}

function answersOf(all: number, silent: number): string {
  if (silent > 0) return `${count(silent)} without an answer`
  return all === 0 ? 'nothing runs' : 'all answer'
}

function sumsOf(points: readonly StatsPointDocument[]): { succeeded: number; failed: number } {
  let [succeeded, failed] = [0, 0]
  for (const point of points) {
    succeeded += point.succeeded
    failed += point.failed
  }
  return { succeeded, failed }
}

/** Of the last seconds that are over. */
function rateOf(points: readonly StatsPointDocument[], time: number): string {
  const end = Math.floor(time / 1000) * 1000 - 1000
  const { succeeded, failed } = sumsOf(points.filter(({ at }) => inside(Date.parse(at), end)))
  const rate = (succeeded + failed) / RATE_S
  return `${rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1)}/s`
}

function inside(at: number, end: number): boolean {
  return at < end && at >= end - RATE_S * 1000
}

function oldestOf(queues: QueueListDocument | undefined, time: number): { name: string; age: number } | undefined {
  const known = queues?.queues.filter(({ oldest }) => oldest !== undefined) ?? []
  const [first] = known.toSorted((a, b) => Date.parse(a.oldest as string) - Date.parse(b.oldest as string))
  return first && { name: first.name, age: Math.max(0, time - Date.parse(first.oldest as string)) }
}

function slotsOf(workers: readonly WorkerDocument[] | undefined): string | undefined {
  const slots = workers?.reduce((sum, { answers, pool }) => sum + (answers ? (pool?.size ?? 0) : 0), 0)
  return slots === undefined ? undefined : `of ${counted(slots, 'slot')}`
}
