import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { setQuery } from '../../../app/location.ts'
import { type JobsFilter, RANGES } from './jobsFilter.ts'

/** When the jobs were first seen. */
export function RangeField({ filter }: { filter: JobsFilter }): JSX.Element {
  const { range, since, until } = filter
  const isOwn = range === undefined && (since !== undefined || until !== undefined)
  const [isOpen, setOpen] = useState(false)
  const isCustom = range === undefined && (isOwn || isOpen)
  const choose = (value: string): void => {
    setOpen(value === 'custom')
    if (value !== 'custom') setQuery({ range: value, since: undefined, until: undefined }, { push: true })
    else if (range !== undefined) setQuery({ range: undefined }, { push: true })
  }
  return (
    <>
      <select
        aria-label="Time range"
        value={isCustom ? 'custom' : (range ?? '')}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        <option value="">Any time</option>
        {Object.entries(RANGES).map(([name, { title }]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
        <option value="custom">From … to …</option>
      </select>
      {isCustom && (
        <span class="row">
          <MomentField name="since" label="From" value={since} />
          <MomentField name="until" label="To" value={until} />
        </span>
      )}
    </>
  )
}

function MomentField(props: { name: 'since' | 'until'; label: string; value: Date | undefined }): JSX.Element {
  const { name, label, value } = props
  const change = (text: string): void => {
    const moment = new Date(text)
    setQuery({ [name]: Number.isNaN(moment.getTime()) ? undefined : moment.toISOString() }, { push: true })
  }
  return (
    <label class="choice">
      {label}
      <input
        type="datetime-local"
        step={1}
        value={value ? localText(value) : ''}
        onChange={(event) => change(event.currentTarget.value)}
      />
    </label>
  )
}

/** As a field of local time has it. */
function localText(moment: Date): string {
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 19)
}
