import type { JSX } from 'preact'
import { client } from '../api/client.ts'
import { useResource } from '../api/resource.ts'
import { setQuery } from './location.ts'

/** Chooses the task that the list of a page is of: `task` of its URL. */
export function TaskChoice({ task, label, all }: { task: string; label: string; all: string }): JSX.Element {
  const tasks = useResource(async (signal) => (await client.knownTasks({ signal })).tasks, [])
  // A name that is not known any more stays as it is in the URL.
  const names = new Set([...(tasks.data ?? []).map(({ name }) => name), ...(task === '' ? [] : [task])])
  return (
    <select aria-label={label} value={task} onChange={(event) => setQuery({ task: event.currentTarget.value })}>
      <option value="">{all}</option>
      {[...names].sort().map((name) => (
        <option key={name} value={name}>
          {name.slice(0, 120)}
        </option>
      ))}
    </select>
  )
}
