import type { JSX } from 'preact'
import type { RecordedJobDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { type Pages, usePages } from '../../api/pages.ts'
import { to } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Shown } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'

/** Jobs of a page. */
const JOBS = 20

export interface FailedJobs extends Pages<RecordedJobDocument> {
  /** These have failed since. */
  readonly change: (jobs: readonly RecordedJobDocument[]) => void
}

/** The jobs of a group, the newest first. */
export function useGroupJobs(fingerprint: string): FailedJobs {
  const pages = usePages(
    async (cursor, signal) => {
      const { jobs, cursor: next } = await client.recorded.jobs({ fingerprint, limit: JOBS, cursor, signal })
      return { items: jobs, cursor: next }
    },
    [fingerprint],
    ({ id }) => id,
  )
  return {
    ...pages,
    change: (jobs) =>
      pages.list.update((known) => {
        const changed = new Set(jobs.map(({ id }) => id))
        const all = [...jobs, ...known.filter(({ id }) => !changed.has(id))]
        return all.sort((a, b) => b.firstAt.localeCompare(a.firstAt))
      }),
  }
}

export function GroupJobs({ jobs }: { jobs: FailedJobs }): JSX.Element {
  return (
    <section class="part">
      <h2>Jobs</h2>
      <Shown of={jobs.list}>
        {(list) =>
          list.length === 0 ? (
            <p class="quiet">The jobs of this group are not recorded any more.</p>
          ) : (
            <Rows jobs={list} />
          )
        }
      </Shown>
      {jobs.hasMore && (
        <div class="row">
          <Button onPress={jobs.more}>Show older jobs</Button>
        </div>
      )}
    </section>
  )
}

function Rows({ jobs }: { jobs: readonly RecordedJobDocument[] }): JSX.Element {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">State</th>
            <th scope="col">Arguments</th>
            <th scope="col">Worker</th>
            <th scope="col" class="right">
              Run
            </th>
            <th scope="col" class="right">
              Ended
            </th>
          </tr>
        </thead>
        <tbody>
          {jobs.map(({ id, state, args, kwargs, worker, runtime, endedAt }) => (
            <tr key={id}>
              <td class="job-id">
                <a href={to(['jobs', id])} data-row title={id}>
                  <Outside text={id} length={36} />
                </a>
              </td>
              <td>
                <State state={state} />
              </td>
              <td class="arguments">
                <Outside text={[args, kwargs].filter((text) => text && text !== '{}').join(' ')} length={120} />
              </td>
              <td>{worker !== undefined && <Outside text={worker} length={40} />}</td>
              <td class="right">{runtime === undefined ? '–' : duration(runtime)}</td>
              <td class="right">
                <Ago at={endedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
