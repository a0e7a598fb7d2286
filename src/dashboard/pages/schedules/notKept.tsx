import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'

/** Where there is no schedule to see: which stores keep one, and what sends it. */
export function NotKept(): JSX.Element {
  return (
    <Page title="Schedules">
      <Empty title="The stores of this app keep no schedule">
        <p>
          SQLite, PostgreSQL and Redis keep one. With RabbitMQ it is in the result backend, which must then be one of
          these: <code>rpc://</code> keeps none.
        </p>
        <p>
          A beat then sends the entries: <code>celeriac beat -A module</code>, or{' '}
          <code>celeriac worker -A module -B</code>. Those of Celery's own beat are in its files, and are not shown
          here.
        </p>
      </Empty>
    </Page>
  )
}
