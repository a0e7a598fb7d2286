import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { StatsDocument } from '../../../protocol/recordedDocument.ts'
import { to } from '../../app/location.ts'
import { Empty } from '../../parts/problem.tsx'
import { count, duration, percent } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import type { Range } from './ranges.ts'
import { failureShare } from './series.ts'

type Series = StatsDocument['series']
type One = Series[number]

/** A column: what it shows, and what it is sorted by. */
interface Column {
  readonly title: string
  readonly value: (one: One) => number
  readonly show: (one: One) => string
}

const COLUMNS: readonly [Column, ...Column[]] = [
  { title: 'Finished', value: finished, show: (one) => count(finished(one)) },
  {
    title: 'Failed',
    value: ({ total }) => failureShare(total) ?? -1,
    show: ({ total }) => {
      const share = failureShare(total)
      return share === undefined ? '–' : `${percent(share)} (${count(total.failed)})`
    },
  },
  { title: 'Retried', value: ({ total }) => total.retried, show: ({ total }) => count(total.retried) },
  timeColumn('Queue 95 %', ({ total }) => total.wait?.p95),
  timeColumn('Run, median', ({ total }) => total.run?.p50),
  timeColumn('Run 95 %', ({ total }) => total.run?.p95),
  timeColumn('Run 99 %', ({ total }) => total.run?.p99),
]

/** Rows that are drawn; the rest is asked for. */
const DRAWN = 50

/** Each task: how often it ran, how often it failed, and how long it took. */
export function TaskTable({ series, range }: { series: Series; range: Range }): JSX.Element {
  const [sorted, sortBy] = useState<Column>(COLUMNS[0])
  const [drawn, setDrawn] = useState(DRAWN)
  if (series.length === 0)
    return (
      <Empty title={`No task ran in ${range.label}`}>
        <p>
          <a href={to('call')}>Call a task</a>, or look at a longer time.
        </p>
      </Empty>
    )
  const rows = series.toSorted((a, b) => sorted.value(b) - sorted.value(a))
  return (
    <section>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Task</th>
              {COLUMNS.map((column) => (
                <th key={column.title} class="right" aria-sort={column === sorted ? 'descending' : undefined}>
                  <button type="button" class="sort" onClick={() => sortBy(column)}>
                    {column.title}
                    {column === sorted && <span aria-hidden="true"> ↓</span>}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, drawn).map((one) => (
              <tr key={one.name}>
                <td>
                  <a href={to('jobs', { task: one.name })}>
                    <Outside text={one.name === '' ? 'unknown' : one.name} />
                  </a>
                </td>
                {COLUMNS.map((column) => (
                  <td key={column.title} class="right">
                    {column.show(one)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > drawn && (
        <button type="button" class="button plain" onClick={() => setDrawn(drawn + 500)}>
          Show more of {count(rows.length)} tasks
        </button>
      )}
    </section>
  )
}

function finished({ total }: One): number {
  return total.succeeded + total.failed
}

function timeColumn(title: string, timeOf: (one: One) => number | undefined): Column {
  return {
    title,
    value: (one) => timeOf(one) ?? -1,
    show: (one) => {
      const time = timeOf(one)
      return time === undefined ? '–' : duration(time)
    },
  }
}
