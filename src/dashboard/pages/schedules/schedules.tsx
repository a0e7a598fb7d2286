import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { CursorPages } from '../../app/cursorPages.tsx'
import { useKeys } from '../../app/keys.ts'
import { go, here, setQuery, to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { SearchField } from '../../app/searchField.tsx'
import { can, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Calendar } from './calendar.tsx'
import { NotKept } from './notKept.tsx'
import { NewSchedule } from './scheduleForm.tsx'
import { ScheduleTable } from './scheduleTable.tsx'

const RELOAD_MS = 5000
const PAGE = 100

/** The entries of the schedule, as a list or as a calendar; or the form of a new one. */
export function Schedules(): JSX.Element {
  const { query } = here.value
  if (!can('schedules')) return <NotKept />
  if (query.has('new')) return <NewSchedule />
  return <Entries isCalendar={query.get('view') === 'calendar'} />
}

function Entries({ isCalendar }: { isCalendar: boolean }): JSX.Element {
  const create = (): void => {
    if (whyNot('schedule') === undefined) go(to('schedules', { new: '1' }))
  }
  useKeys([{ keys: 'n', does: 'New schedule', run: create }])
  return (
    <Page
      title="Schedules"
      actions={
        <>
          <a class="button" href={isCalendar ? to('schedules') : to('schedules', { view: 'calendar' })}>
            {isCalendar ? 'List' : 'Calendar'}
          </a>
          <Button kind="primary" disabled={whyNot('schedule')} onPress={create}>
            New schedule
          </Button>
        </>
      }
    >
      {isCalendar ? <Calendar /> : <List />}
    </Page>
  )
}

function List(): JSX.Element {
  const { query } = here.value
  const task = query.get('task') ?? undefined
  const paused = query.get('paused') ?? ''
  const cursor = query.get('cursor') ?? undefined
  const filter = { task, cursor, ...(paused !== '' && { paused: paused === 'yes' }) }
  const found = useResource(
    (signal) => client.schedules.list({ ...filter, limit: PAGE, signal }),
    [JSON.stringify(filter)],
    { every: RELOAD_MS },
  )
  useRowKeys('schedule')
  const isFiltered = task !== undefined || paused !== '' || cursor !== undefined
  return (
    <>
      <Filters paused={paused} />
      <Shown of={found}>
        {(page) =>
          page.schedules.length === 0 ? (
            <None isFiltered={isFiltered} />
          ) : (
            <>
              <ScheduleTable page={page} reload={found.reload} />
              <CursorPages label="Pages of schedules" next={page.cursor} />
            </>
          )
        }
      </Shown>
    </>
  )
}

function Filters({ paused }: { paused: string }): JSX.Element {
  return (
    <search class="filter-row">
      <div class="field grow">
        <span aria-hidden="true">Task</span>
        <SearchField name="task" label="Task" />
      </div>
      <label class="field">
        <span>State</span>
        <select value={paused} onChange={(event) => setQuery({ paused: event.currentTarget.value, cursor: undefined })}>
          <option value="">Any</option>
          <option value="no">Active</option>
          <option value="yes">Paused</option>
        </select>
      </label>
    </search>
  )
}

function None({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  if (isFiltered) return <Empty title="No schedule fits" />
  return (
    <Empty title="No schedules yet">
      <p>
        A schedule sends a task at its times. Press <kbd>n</kbd>, or define one in code:{' '}
        <code>app.schedule('nightly', cron('30 2 * * *'), report)</code>.
      </p>
      <p>
        A beat sends it: <code>celeriac beat -A module</code>, or <code>celeriac worker -A module -B</code>.
      </p>
    </Empty>
  )
}
