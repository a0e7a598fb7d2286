import { Component, type JSX } from 'preact'
import { to } from '../../../app/location.ts'
import { State } from '../../../parts/state.tsx'
import { duration } from '../../../parts/text/format.ts'
import { Outside } from '../../../parts/text/outside.tsx'
import { Ago, Since } from '../../../parts/text/time.tsx'
import { type JobRow, summaryOf } from './jobRow.ts'

/** As the style says, px. */
export const LINE_HEIGHT = 33

/** Names of the columns. */
export function Head({ isRecorded }: { isRecorded: boolean }): JSX.Element {
  return (
    <tr aria-rowindex={1}>
      <th class="check">
        <span class="unseen">Select</span>
      </th>
      <th class="of-state">State</th>
      <th class="of-task">Task</th>
      <th class="of-summary">{isRecorded ? 'Arguments or error' : 'Error'}</th>
      <th class="of-queue">Queue</th>
      <th class="of-worker">Worker</th>
      <th class="of-wait right">Waited</th>
      <th class="of-run right">Ran</th>
      <th class="of-when right">When</th>
    </tr>
  )
}

export interface LineProps {
  readonly index: number
  readonly job: JobRow | undefined
  readonly isChosen: boolean
  readonly isCurrent: boolean
  /** `isRange`: with all up to the one that was chosen last. */
  readonly toggle: (index: number, isRange: boolean) => void
}

/** One job; a line of the same height where it is not in memory. */
export class Line extends Component<LineProps> {
  // Most lines stay as they are in a step of scrolling. (An element that is kept would keep all before it in memory.)
  override shouldComponentUpdate(next: LineProps): boolean {
    const { index, job, isChosen, isCurrent } = this.props
    return index !== next.index || job !== next.job || isChosen !== next.isChosen || isCurrent !== next.isCurrent
  }

  override render({ index, job, isChosen, isCurrent, toggle }: LineProps): JSX.Element {
    if (!job)
      return (
        <tr aria-rowindex={index + 2} class="line">
          <td class="quiet">…</td>
        </tr>
      )
    return (
      <tr aria-rowindex={index + 2} aria-selected={isChosen} class={isCurrent ? 'line current' : 'line'}>
        <Cells job={job} isChosen={isChosen} toggle={(isRange) => toggle(index, isRange)} />
      </tr>
    )
  }
}

function Cells(props: { job: JobRow; isChosen: boolean; toggle: (isRange: boolean) => void }): JSX.Element {
  const { job, isChosen, toggle } = props
  const { id, task, state, queue, worker, wait, firstAt } = job
  return (
    <>
      <td class="check">
        <input
          type="checkbox"
          aria-label={`Select ${task ?? 'job'} ${id}`}
          checked={isChosen}
          onClick={(event) => toggle(event.shiftKey)}
        />
      </td>
      <td class="of-state">
        <State state={state} />
      </td>
      <td class="of-task">
        <a href={to(['jobs', id])} title={id}>
          <Outside text={task ?? id} length={120} />
        </a>
      </td>
      <td class={state === 'FAILURE' ? 'of-summary error' : 'of-summary'}>
        <Outside text={summaryOf(job)} length={160} />
      </td>
      <td class="of-queue">{queue !== undefined && <Outside text={queue} length={80} />}</td>
      <td class="of-worker">{worker !== undefined && <Outside text={worker} length={80} />}</td>
      <td class="of-wait right">{wait !== undefined && duration(wait)}</td>
      <td class="of-run right">
        <RunTime job={job} />
      </td>
      <td class="of-when right">
        <Ago at={firstAt} />
      </td>
    </>
  )
}

/** How long it ran; of one that runs, so far. */
function RunTime({ job: { state, runtime, startedAt } }: { job: JobRow }): JSX.Element | null {
  if (state === 'STARTED' && startedAt !== undefined) return <Since at={startedAt} />
  return runtime === undefined ? null : <span>{duration(runtime)}</span>
}
