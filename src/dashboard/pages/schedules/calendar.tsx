import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { count, counted, dateTime } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { type Day, type EntryRuns, MAX_NEXT, mondayOf, mondayText, runsOf, WEEKS, weeksFrom } from './calendarDays.ts'
import { LOCAL_ZONE } from './nextRuns.tsx'

/** More entries than these are not counted. */
const MAX_ENTRIES = 200
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const dateName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })
const weekdayName = new Intl.DateTimeFormat('en-GB', { weekday: 'long' })
const monthName = new Intl.DateTimeFormat('en-GB', { month: 'long' })
const spanName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
const dayName = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' })

/** How many runs each of the next days has, of all entries or of one. */
export function Calendar(): JSX.Element {
  const name = here.value.query.get('name') ?? undefined
  const found = useResource(
    async (signal) => {
      const { schedules, cursor } = await client.schedules.list({ limit: MAX_ENTRIES, signal })
      const one = name === undefined ? undefined : [await client.schedules.get(name, { signal })]
      return { all: schedules, isCut: cursor !== undefined, runs: await runsOf(one ?? schedules, signal) }
    },
    [name],
  )
  return (
    <Shown of={found}>
      {({ all, isCut, runs }) => (
        <>
          <label class="field calendar-of">
            <span>Runs of</span>
            <select value={name ?? ''} onChange={(event) => setQuery({ name: event.currentTarget.value })}>
              <option value="">All schedules</option>
              {[...new Set([...(name === undefined ? [] : [name]), ...all.map((entry) => entry.name)])].map((one) => (
                <option key={one} value={one}>
                  {visible(one.slice(0, 80))}
                </option>
              ))}
            </select>
          </label>
          {isCut && name === undefined && (
            <p class="notice">Only the first {MAX_ENTRIES} schedules by name are counted.</p>
          )}
          {runs.length === 0 ? <Empty title="No schedules yet" /> : <Weeks runs={runs} reload={found.reload} />}
        </>
      )}
    </Shown>
  )
}

function Weeks({ runs, reload }: { runs: readonly EntryRuns[]; reload: () => Promise<void> }): JSX.Element {
  const now = Date.now()
  const monday = mondayOf(here.value.query.get('from'), now)
  const weeks = useMemo(() => weeksFrom(monday, runs, now), [monday.getTime(), runs])
  const [chosen, setChosen] = useState<number>()
  const days = weeks.flat()
  const day = days.find(({ date }) => date.getTime() === chosen)
  const most = Math.max(1, ...days.map((one) => one.count))
  const turn = (step: number): void => setQuery({ from: mondayText(monday, step * WEEKS) })
  return (
    <>
      <div class="row">
        <Button kind="icon" label={`${WEEKS} weeks before`} onPress={() => turn(-1)}>
          <Icon name="left" />
        </Button>
        <h2 aria-live="polite">{spanName.formatRange(monday, days.at(-1)?.date ?? monday)}</h2>
        <Button kind="icon" label={`${WEEKS} weeks after`} onPress={() => turn(1)}>
          <Icon name="right" />
        </Button>
        <Button onPress={() => setQuery({ from: undefined })}>From this week</Button>
        <Button onPress={reload}>Count again</Button>
        <span class="quiet">Days in {LOCAL_ZONE}</span>
      </div>
      <table class="calendar">
        <thead>
          <tr>
            {WEEKDAYS.map((weekday) => (
              <th key={weekday}>{weekday}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]?.date.getTime()}>
              {week.map((one) => (
                <DayCell
                  key={one.date.getTime()}
                  day={one}
                  most={most}
                  isChosen={one === day}
                  choose={() => setChosen(one.date.getTime())}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Partial runs={runs} until={days.at(-1)?.date.getTime() ?? 0} />
      {day && <DayRuns day={day} />}
    </>
  )
}

/** The first day of a month names it. */
function dateText(date: Date): string {
  return date.getDate() === 1 ? dateName.format(date) : String(date.getDate())
}

interface DayCellProps {
  readonly day: Day
  readonly most: number
  readonly isChosen: boolean
  readonly choose: () => void
}

function DayCell({ day, most, isChosen, choose }: DayCellProps): JSX.Element {
  const { date, isPast, isPartial } = day
  const words = isPartial ? `${counted(day.count, 'run')} or more` : counted(day.count, 'run')
  if (isPast)
    return (
      <td class="past">
        <span class="date">{dateText(date)}</span>
      </td>
    )
  // By the root: a day of one run is seen beside one of thousands.
  const share = Math.sqrt(day.count / most)
  return (
    <td
      style={{
        background: `color-mix(in srgb, var(--accent) ${Math.round(share * 38)}%, transparent)`,
      }}
    >
      <button type="button" aria-pressed={isChosen} title={words} onClick={choose}>
        <span class="unseen">{weekdayName.format(date)} </span>
        <span class="date">{dateText(date)}</span>
        <span class="unseen">{date.getDate() === 1 ? ': ' : ` ${monthName.format(date)}: `}</span>
        <span class="runs">
          {count(day.count)}
          {isPartial && '+'}
        </span>
        <span class="unseen"> {day.count === 1 ? 'run' : 'runs'}</span>
      </button>
    </td>
  )
}

/** Of which entries only a part is counted. */
function Partial({ runs, until }: { runs: readonly EntryRuns[]; until: number }): JSX.Element | null {
  const partial = runs.filter(({ knownUntil }) => knownUntil < until)
  if (partial.length === 0) return null
  return (
    <details class="quiet">
      <summary>
        +: of {counted(partial.length, 'schedule')} only the next {count(MAX_NEXT)} runs are counted
      </summary>
      <ul>
        {partial.slice(0, 50).map(({ entry, knownUntil }) => (
          <li key={entry.name}>
            <Outside text={entry.name} />: until {dateTime(knownUntil)}
          </li>
        ))}
      </ul>
    </details>
  )
}

function DayRuns({ day: { date, entries } }: { day: Day }): JSX.Element {
  return (
    <section class="part" aria-label={dayName.format(date)}>
      <h2>{dayName.format(date)}</h2>
      {entries.length === 0 ? (
        <p class="quiet">No run.</p>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Schedule</th>
                <th class="right">Runs</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((one) => (
                <tr key={one.name}>
                  <td>
                    <a href={to(['schedules', one.name])}>
                      <Outside text={one.name} />
                    </a>
                  </td>
                  <td class="right">{count(one.count)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
