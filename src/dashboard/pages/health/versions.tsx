import type { JSX } from 'preact'
import type { DoctorDocument } from '../../../protocol/doctorDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { Problem } from '../../parts/problem.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { softwareText } from '../workers/seenWorker.ts'
import { clockText } from './clock.ts'
import { versionGroups } from './versionGroups.ts'

/** Workers that are listed; the page of the workers has all. */
const MAX_ROWS = 100

/** What runs in which version, and by which clocks. */
export function Versions({ found }: { found: DoctorDocument }): JSX.Element {
  const workers = useResource((signal) => client.workers.list({ signal }), [found.at])
  const answering = workers.data?.workers.filter(({ answers }) => answers) ?? []
  const skews = new Map(found.workers.map(({ name, clockSkew }) => [name, clockSkew]))
  return (
    <section class="card">
      <h2>Versions and clocks</h2>
      <Summary own={found.version} programs={answering.map(softwareText)} />
      {workers.error && <Problem error={workers.error} retry={workers.reload} />}
      {answering.length > 0 && (
        <div class="scroll">
          <table class="health">
            <thead>
              <tr>
                <th>Worker</th>
                <th>Version</th>
                <th>Clock</th>
              </tr>
            </thead>
            <tbody>
              {answering.slice(0, MAX_ROWS).map((worker) => (
                <tr key={worker.name}>
                  <td>
                    <a href={to(['workers', worker.name])}>
                      <Outside text={worker.name} length={80} />
                    </a>
                  </td>
                  <td>
                    <Outside text={softwareText(worker)} length={60} />
                    {worker.node !== undefined && (
                      <span class="quiet">
                        {' · '}
                        <Outside text={`Node ${worker.node}`} length={60} />
                      </span>
                    )}
                  </td>
                  <td>
                    {skews.has(worker.name) ? clockText(skews.get(worker.name)) : <span class="quiet">not known</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answering.length > MAX_ROWS && <p class="quiet">and {count(answering.length - MAX_ROWS)} more workers</p>}
    </section>
  )
}

function Summary({ own, programs }: { own: string; programs: readonly string[] }): JSX.Element {
  const groups = versionGroups(programs)
  const ours = groups.filter(({ program }) => program.startsWith('celeriac '))
  const isMixed = ours.length > 1 || ours.some(({ program }) => program !== `celeriac ${own}`)
  const text = groups.map(({ program, count: workers }) => `${counted(workers, 'worker')} with ${program}`).join(', ')
  return (
    <p class={isMixed ? 'notice' : 'summary'}>
      The server runs celeriac {own}
      {groups.length > 0 && (
        <>
          ; <Outside text={text} length={1000} />
        </>
      )}
      .{isMixed && ' Several versions of celeriac run: a mixture is for the time of a deploy alone.'}
    </p>
  )
}
