import type { JSX } from 'preact'
import type { KnownTaskDocument } from '../../../protocol/knownTaskDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { can } from '../../app/session.ts'
import { tasksOf } from '../../calls/openApi.ts'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { loadDescription } from './description.ts'

/** Rows that are drawn; a search finds the others. */
const MAX_DRAWN = 500

interface Known {
  readonly tasks: readonly KnownTaskDocument[]
  readonly about: ReadonlyMap<string, string>
}

/** The tasks that are known; each can be called. */
export function Call(): JSX.Element {
  const known = useResource(load, [])
  const wanted = here.value.query.get('q') ?? ''
  useRowKeys('task')
  return (
    <Page
      title="Call a task"
      actions={
        <input
          type="search"
          aria-label="Find a task"
          placeholder="Find a task"
          value={wanted}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
      }
    >
      <Shown of={known}>{(found) => <Tasks known={found} wanted={wanted.trim()} />}</Shown>
    </Page>
  )
}

async function load(signal: AbortSignal): Promise<Known> {
  const [{ tasks }, description] = await Promise.all([client.knownTasks({ signal }), loadDescription(signal)])
  const about = tasksOf(description).flatMap(({ name, description: text }): [string, string][] =>
    text === undefined ? [] : [[name, text]],
  )
  return { tasks, about: new Map(about) }
}

function Tasks({ known, wanted }: { known: Known; wanted: string }): JSX.Element {
  const { tasks, about } = known
  const word = wanted.toLowerCase()
  const callable = tasks.filter(({ exposed }) => exposed || can('callAny'))
  const found = callable.filter(
    ({ name }) => name.toLowerCase().includes(word) || about.get(name)?.toLowerCase().includes(word),
  )
  if (callable.length === 0)
    return (
      <Empty title="No task can be called">
        <p>
          A task is here when the API exposes it (<code>expose</code>), or, for admins of a server with{' '}
          <code>fleet.anyTask</code>, when a worker has it.
        </p>
      </Empty>
    )
  if (found.length === 0)
    return (
      <Empty title="No task fits">
        <p>
          None of {counted(callable.length, 'task')} has <Outside text={wanted} /> in its name or its description.
        </p>
      </Empty>
    )
  return (
    <>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>Task</th>
              <th class="about">Description</th>
              <th class="right">Workers</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, MAX_DRAWN).map((task) => (
              <tr key={task.name}>
                <td>
                  <a href={to(['call', task.name])} data-row>
                    <Outside text={task.name} />
                  </a>
                </td>
                <td class="about quiet">
                  <Outside text={about.get(task.name) ?? (task.exposed ? '' : 'By its arguments alone')} />
                </td>
                <td class="right">{count(task.workers.length)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > MAX_DRAWN && (
        <p class="quiet">{`${count(found.length - MAX_DRAWN)} more: search to find them.`}</p>
      )}
    </>
  )
}
