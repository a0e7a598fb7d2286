import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { Choice, Text, type TextProps } from '../../parts/ask/fields.tsx'
import { problemAt } from '../../parts/fieldProblems.ts'
import type { Draft } from './draft.ts'

export interface PartProps {
  readonly draft: Draft
  readonly change: (changes: Partial<Draft>) => void
  readonly error: Error | undefined
}

const KINDS = [
  ['cron', 'Cron: an expression'],
  ['every', 'Every: a fixed interval'],
  ['crontab', "Crontab: Celery's fields"],
  ['at', 'At: once'],
  ['solar', 'Solar: what the sun does at a place'],
] as const
const EVENTS = [
  ...['dawn_astronomical', 'dawn_nautical', 'dawn_civil', 'sunrise', 'solar_noon', 'sunset'],
  ...['dusk_civil', 'dusk_nautical', 'dusk_astronomical'],
]
/** Members of the schedule that a refusal names in its text. */
type Name = keyof Draft & string

/** When it is due. */
export function WhenFields({ draft, change, error }: PartProps): JSX.Element {
  const wrong = problemAt(error, '#/schedule')
  const field = (name: Name, label: string, more: Partial<TextProps> = {}): JSX.Element => (
    <Text label={label} value={draft[name]} change={(value) => change({ [name]: value })} {...more} />
  )
  const zones = useMemo(() => ['UTC', ...Intl.supportedValuesOf('timeZone')], [])
  const zone = field('tz', 'Time zone', { suggestions: zones, hint: 'An IANA name, as Europe/Berlin' })
  return (
    <fieldset>
      <legend>When</legend>
      <Choice label="Kind" value={draft.kind} of={KINDS} change={(kind) => change({ kind: kind as Draft['kind'] })} />
      {draft.kind === 'cron' && (
        <div class="pair">
          {field('expression', 'Expression', {
            hint: 'Minute, hour, day of month, month, day of week; a second may come first',
          })}
          {zone}
        </div>
      )}
      {draft.kind === 'crontab' && (
        <div class="pair">
          {field('minute', 'Minute', { hint: 'As */15 or 0,30' })}
          {field('hour', 'Hour', { hint: 'As 8-18' })}
          {field('dayOfWeek', 'Day of week', { hint: 'As mon-fri' })}
          {field('dayOfMonth', 'Day of month')}
          {field('monthOfYear', 'Month')}
          {zone}
        </div>
      )}
      {draft.kind === 'every' && (
        <div class="pair">
          {field('interval', 'Interval', { hint: 'As 30s, 15m, 6h, 1d' })}
          {field('from', 'First run', {
            type: 'datetime-local',
            hint: 'Empty: at the multiples of the interval since 1970, UTC',
          })}
        </div>
      )}
      {draft.kind === 'at' && field('date', 'Date and time', { type: 'datetime-local', hint: 'In your time zone' })}
      {draft.kind === 'solar' && (
        <div class="pair">
          <Choice
            label="Event"
            value={draft.event}
            of={EVENTS.map((event) => [event, event.replaceAll('_', ' ')])}
            change={(event) => change({ event })}
          />
          {field('lat', 'Latitude', { hint: 'Degrees, north positive' })}
          {field('lon', 'Longitude', { hint: 'Degrees, east positive' })}
        </div>
      )}
      {wrong !== undefined && (
        <p class="problem" role="alert">
          {wrong}
        </p>
      )}
    </fieldset>
  )
}
