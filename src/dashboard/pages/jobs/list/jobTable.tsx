import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useValue } from '../../../api/signal.ts'
import { useKeys } from '../../../app/keys.ts'
import { go, to } from '../../../app/location.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { Rows, type RowsControl } from '../../../parts/rows/rows.tsx'
import { count, counted } from '../../../parts/text/format.ts'
import { Head, LINE_HEIGHT, Line } from './jobLine.tsx'
import type { JobList } from './jobList.ts'
import type { Selection } from './selection.ts'

export interface JobTableProps {
  readonly list: JobList
  readonly selection: Selection
  /** As far as they were counted; undefined: nothing counts them. */
  readonly total: { readonly count: number; readonly isPartial: boolean } | undefined
  readonly isRecorded: boolean
}

/** The list itself. */
export function JobTable({ list, selection, total, isRecorded }: JobTableProps): JSX.Element {
  const { rows } = list
  useValue(rows.version)
  const chosen = useValue(selection.chosen)
  const current = useValue(selection.current)
  const control = useRef<RowsControl>(null) as { current: RowsControl | null }
  const isAway = useRef(false)
  list.isReading = () =>
    isAway.current || selection.current.value !== undefined || selection.chosen.value.size > 0 || isAsking()
  const isEnded = rows.state === 'ended'
  // More than are counted may have come since.
  const known = isEnded ? rows.count : Math.max(rows.count, total?.count ?? 0)
  useListKeys({ list, selection, control, known })
  const toggle = (index: number, isRange: boolean): void => {
    const row = rows.at(index)
    if (isRange) selection.extend(index, (at) => rows.at(at))
    else if (row) selection.toggle(index, row)
  }
  return (
    <div class="list">
      <NewJobsButton list={list} toTop={() => control.current?.toTop()} selection={selection} />
      <Rows
        label="Jobs"
        count={known}
        total={isEnded || total?.isPartial === false ? known : undefined}
        height={LINE_HEIGHT}
        head={<Head isRecorded={isRecorded} />}
        row={(index) => {
          const job = rows.at(index)
          return (
            <Line
              key={job?.id ?? index}
              index={index}
              job={job}
              isChosen={job !== undefined && chosen.has(job.id)}
              isCurrent={current === index}
              toggle={toggle}
            />
          )
        }}
        onSeen={(first, end) => rows.see(first, end)}
        onTop={(isTop) => {
          isAway.current = !isTop
          if (isTop && list.fresh.value.count + Number(list.fresh.value.isMore) > 0 && !list.isReading())
            void list.restart()
        }}
        control={control}
      >
        <Foot list={list} />
      </Rows>
    </div>
  )
}

/** A question is open: what it is about stays where it is. */
function isAsking(): boolean {
  return document.querySelector('dialog[open]') !== null
}

/** What has come while the user read. */
function NewJobsButton(props: { list: JobList; selection: Selection; toTop: () => void }): JSX.Element | null {
  const { list, selection, toTop } = props
  const { count: number, isMore } = useValue(list.fresh)
  if (number === 0 && !isMore) return null
  const words = number === 0 ? 'New jobs' : isMore ? `${count(number)}+ new jobs` : counted(number, 'new job')
  return (
    <button
      type="button"
      class="button fresh"
      onClick={() => {
        selection.current.value = undefined
        toTop()
        void list.restart()
      }}
    >
      {words}
    </button>
  )
}

/** Whether there is more, and why it does not come. */
function Foot({ list: { rows } }: { list: JobList }): JSX.Element | null {
  if (rows.error)
    return (
      <div class="foot">
        <Problem error={rows.error} retry={() => rows.goOn()} />
      </div>
    )
  if (rows.state === 'waiting')
    return (
      <div class="foot row">
        <p>
          {rows.count === 0 ? 'Nothing found so far' : `${counted(rows.count, 'job')} found so far`}. Older jobs are not
          searched yet.
        </p>
        <Button onPress={() => rows.goOn()}>Search on</Button>
      </div>
    )
  if (rows.state === 'ended') return <p class="foot quiet">{rows.count > 0 ? 'No more jobs' : ''}</p>
  return (
    <p class="foot quiet" role="status">
      {rows.count === 0 ? 'Loading…' : 'Loading more…'}
    </p>
  )
}

interface KeyUse {
  readonly list: JobList
  readonly selection: Selection
  readonly control: { readonly current: RowsControl | null }
  readonly known: number
}

function useListKeys({ list: { rows }, selection, control, known }: KeyUse): void {
  const { current } = selection
  const move = (step: number): void => {
    if (known === 0) return
    const next = current.value === undefined ? 0 : current.value + step
    current.value = Math.min(known - 1, Math.max(0, next))
  }
  const index = useValue(current)
  useEffect(() => {
    if (index === undefined) return
    control.current?.show(index)
    // The row is drawn when the box has been scrolled.
    const frame = requestAnimationFrame(() => requestAnimationFrame(() => control.current?.focus(index)))
    return () => cancelAnimationFrame(frame)
  }, [index])
  const select = (isRange: boolean): void => {
    const row = index === undefined ? undefined : rows.at(index)
    if (index === undefined || !row) return
    if (isRange) selection.extend(index, (at) => rows.at(at))
    else selection.toggle(index, row)
  }
  const open = (): void => {
    const row = index === undefined ? undefined : rows.at(index)
    if (row) go(to(['jobs', row.id]))
  }
  useKeys([
    { keys: 'j', does: 'Next job', run: () => move(1) },
    { keys: 'k', does: 'Previous job', run: () => move(-1) },
    { keys: 'Enter', does: 'Open the job', run: () => open() },
    { keys: 'x', does: 'Select the job', run: () => select(false) },
    { keys: 'X', does: 'Select all up to the job', run: () => select(true) },
    { keys: 'Escape', does: 'Select nothing', run: () => selection.clear() },
  ])
}
