import type { JSX } from 'preact'
import { to } from '../../app/location.ts'
import { can, me } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Code } from '../../parts/text/code.tsx'
import { clearFilter } from './filter/chips.tsx'

/** There are no jobs at all: how to submit one. */
export function NoJobs(): JSX.Element {
  return (
    <Empty title="No jobs yet">
      <p>A job is here as soon as one is submitted and a worker sends its events. In TypeScript:</p>
      <Code text="await app.tasks.get('mail.send')?.delay('ann@example.com')" label="Submit a job" />
      {can('call') && (
        <p>
          Or <a href={to('call')}>call a task</a> from here.
        </p>
      )}
    </Empty>
  )
}

/** Some are there, but none is chosen. */
export function NoneFits(): JSX.Element {
  return (
    <Empty title="No job fits">
      <p>No recorded job fits the search and all filters.</p>
      <Button onPress={clearFilter}>Clear all filters</Button>
    </Empty>
  )
}

/** Neither a recorder nor the result backend lists jobs. */
export function NoList(): JSX.Element {
  return (
    <Empty title="Jobs are not listed here">
      <p>
        This app has no recorder, and its result backend ({me.value?.backend ?? 'none'}) can only be asked for one job
        by its id. A recorder writes what happens in the fleet into a file of its own, with any broker. Switch it on
        where the app is made:
      </p>
      <Code text="new Celeriac({ broker: 'redis://localhost', recorder: true })" label="Switch the recorder on" />
      <p>
        Or start <code>celeriac dashboard</code>, which records.
      </p>
    </Empty>
  )
}
