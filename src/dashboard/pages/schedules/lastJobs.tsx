import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { Shown } from '../../parts/page.tsx'
import { State } from '../../parts/state.tsx'
import { duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'

const SHOWN = 10
const RELOAD_MS = 5000

/** The newest jobs of the task that an entry sends; other callers may have sent some of them. */
export function LastJobs({ task, lastJob }: { task: string; lastJob: string | undefined }): JSX.Element {
  const found = useResource((signal) => client.recorded.jobs({ task, limit: SHOWN, signal }), [task], {
    every: RELOAD_MS,
  })
  return (
    <section class="part" aria-labelledby="last">
      <header class="head">
        <h2 id="last">Last jobs of its task</h2>
        <div class="actions">
          <a href={to('jobs', { task })}>All of them</a>
        </div>
      </header>
      <Shown of={found}>
        {({ jobs }) =>
          jobs.length === 0 ? (
            <p class="quiet">No job of this task was recorded.</p>
          ) : (
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th>Job</th>
                    <th>State</th>
                    <th class="right">Ran for</th>
                    <th class="right">First seen</th>
                  </tr>
                </thead>
                <tbody>
                  {jobs.map(({ id, state, runtime, firstAt }) => (
                    <tr key={id}>
                      <td class="line">
                        <a href={to(['jobs', id])}>
                          <Outside text={id} />
                        </a>
                        {id === lastJob && <span class="badge">Last run</span>}
                      </td>
                      <td>
                        <State state={state} />
                      </td>
                      <td class="right">{runtime === undefined ? '–' : duration(runtime)}</td>
                      <td class="right">
                        <Ago at={firstAt} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Shown>
    </section>
  )
}
