import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { setQuery } from '../../../app/location.ts'
import { PAST } from '../../../parts/past.ts'
import { isoOf, localOf } from '../../../parts/text/localTime.ts'
import type { JobsFilter } from './jobsFilter.ts'

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
        {Object.entries(PAST).map(([name, { title }]) => (
          <option key={name} value={name}>
            In the {title}
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
  return (
    <label class="choice">
      {label}
      <input
        type="datetime-local"
        step={1}
        value={localOf(value)}
        onChange={(event) => setQuery({ [name]: isoOf(event.currentTarget.value) }, { push: true })}
      />
    </label>
  )
}
