import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { here, setQuery, to } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Meter } from '../../parts/meter.tsx'
import { bytes, count, percent } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Since } from '../../parts/text/time.tsx'
import {
  chosenWorkers,
  memoryOf,
  poolText,
  type SeenWorker,
  softwareText,
  startOf,
  type WorkerColumn,
} from './seenWorker.ts'
import { Slots } from './slots.tsx'
import { WorkerState } from './workerState.tsx'

interface Column {
  readonly title: string
  readonly by?: WorkerColumn
  readonly hint?: string
  readonly isNumber?: boolean
}

const COLUMNS: readonly Column[] = [
  { title: 'Worker', by: 'name' },
  { title: 'State' },
  { title: 'Slots', by: 'running' },
  { title: 'Reserved', by: 'reserved', hint: 'Messages that it has taken, and that do not run yet', isNumber: true },
  { title: 'Processed', by: 'processed', hint: 'Runs that have begun since it started', isNumber: true },
  { title: 'CPU', by: 'cpu', hint: 'Of its main process; 100 % is one core', isNumber: true },
  { title: 'Memory', by: 'memory', hint: "Of its main process; of Celery's the most since its start", isNumber: true },
  { title: 'Loop', by: 'loop', hint: 'How busy the event loop of its main thread is', isNumber: true },
  { title: 'Uptime', by: 'uptime', isNumber: true },
  { title: 'Queues' },
]

/** Rows that are drawn first, and more with each press: thousands would make the page slow. */
const DRAWN = 100

/** The workers whose name has this text, sorted as the URL says. */
export function WorkerTable({ workers, text }: { workers: readonly SeenWorker[]; text: string }): JSX.Element {
  const { query } = here.value
  const by = COLUMNS.find((column) => column.by === query.get('sort'))?.by ?? 'name'
  const isUp = query.get('order') === 'up'
  const [drawn, setDrawn] = useState(DRAWN)
  const chosen = chosenWorkers(workers, { text, by, isUp })
  if (chosen.length === 0) return <p class="quiet">No worker has this in its name.</p>
  return (
    <>
      <div class="scroll">
        <table class="workers">
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <Head key={column.title} column={column} isSorted={column.by === by} isUp={isUp} />
              ))}
            </tr>
          </thead>
          <tbody>
            {chosen.slice(0, drawn).map((worker) => (
              <Row key={worker.name} worker={worker} />
            ))}
          </tbody>
        </table>
      </div>
      {chosen.length > drawn && (
        <div class="row">
          <Button onPress={() => setDrawn(drawn + DRAWN)}>
            Show {count(Math.min(DRAWN, chosen.length - drawn))} more
          </Button>
          <span class="quiet">
            {count(drawn)} of {count(chosen.length)} are shown: filter by name to find others.
          </span>
        </div>
      )}
    </>
  )
}

function Head({ column, isSorted, isUp }: { column: Column; isSorted: boolean; isUp: boolean }): JSX.Element {
  const { title, by, hint, isNumber } = column
  // Names are sorted from A, numbers from the largest.
  const isAscending = by === 'name' ? !isUp : isUp
  const sort = (): void =>
    setQuery({ sort: by === 'name' ? undefined : by, order: isSorted && !isUp ? 'up' : undefined })
  return (
    <th
      class={isNumber ? 'right' : ''}
      aria-sort={isSorted ? (isAscending ? 'ascending' : 'descending') : undefined}
      title={hint}
    >
      {by === undefined ? (
        title
      ) : (
        <button type="button" class="sort" onClick={sort}>
          {title}
          {isSorted && <Icon name={isAscending ? 'up' : 'down'} />}
        </button>
      )}
    </th>
  )
}

function Row({ worker }: { worker: SeenWorker }): JSX.Element {
  const { name, reserved, processed, cpu, loop, queues = [], answers, node, pool } = worker
  const start = startOf(worker)
  const memory = memoryOf(worker)
  return (
    <tr class={answers ? '' : 'silent'}>
      <td>
        <a href={to(['workers', name])} data-row>
          <Outside text={name} length={80} />
        </a>
        <div class="quiet about" title={node === undefined ? undefined : `Node ${node}`}>
          <Outside text={`${softwareText(worker)}${pool ? ` · ${poolText(worker)}` : ''}`} length={60} />
        </div>
      </td>
      <td>
        <WorkerState worker={worker} />
      </td>
      <td>{answers ? <Slots worker={worker} /> : <span class="quiet">–</span>}</td>
      <td class="right">{figure(reserved, count)}</td>
      <td class="right">{figure(processed, count)}</td>
      <td class="right">{figure(cpu, percent)}</td>
      <td class="right">{figure(memory, bytes)}</td>
      <td class="right">
        {loop === undefined ? '–' : <Meter share={loop} label="Event loop" />}
        {loop !== undefined && <div>{percent(loop)}</div>}
      </td>
      <td class="right">{start === undefined || !answers ? '–' : <Since at={start} />}</td>
      <td>
        <QueueLinks names={queues.map((queue) => queue.name)} />
      </td>
    </tr>
  )
}

const MAX_QUEUES = 4

function QueueLinks({ names }: { names: readonly string[] }): JSX.Element {
  return (
    <>
      {names.slice(0, MAX_QUEUES).map((name) => (
        <div key={name}>
          <a href={to(['queues', name])}>
            <Outside text={name} length={60} />
          </a>
        </div>
      ))}
      {names.length > MAX_QUEUES && <span class="quiet">and {count(names.length - MAX_QUEUES)} more</span>}
    </>
  )
}

/** What is not known is a dash. */
function figure(value: number | undefined, text: (value: number) => string): string {
  return value === undefined ? '–' : text(value)
}
