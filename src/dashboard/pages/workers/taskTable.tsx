import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { to } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Problem } from '../../parts/problem.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import type { SeenWorker } from './seenWorker.ts'

export interface TaskTableProps {
  readonly worker: SeenWorker
  /** Tasks that it says it knows; undefined as long as that was not answered. */
  readonly registered: readonly string[] | undefined
  readonly error: Error | undefined
}

/** Rows that are drawn first, and more with each press. */
const DRAWN = 50

/** The tasks that it has run, with counts, and those that it knows. */
export function TaskTable({ worker, registered, error }: TaskTableProps): JSX.Element {
  const [drawn, setDrawn] = useState(DRAWN)
  const { tasks = {} } = worker
  const known = new Set(registered)
  const rows = [...new Set([...Object.keys(tasks), ...known])]
    .map((name) => ({ name, runs: tasks[name] ?? 0, isKnown: known.has(name) }))
    .sort((a, b) => b.runs - a.runs || (a.name < b.name ? -1 : 1))
  return (
    <section class="card">
      <h2>Tasks</h2>
      {error && <Problem error={error} />}
      {rows.length === 0 ? (
        <p class="quiet">It has run no task yet, and says of none that it knows it.</p>
      ) : (
        <div class="scroll">
          <table class="tasks">
            <thead>
              <tr>
                <th>Task</th>
                <th class="right">Runs since it started</th>
                <th>Registered</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, drawn).map(({ name, runs, isKnown }) => (
                <tr key={name}>
                  <td>
                    <a href={to('jobs', { task: name, worker: worker.name })}>
                      <Outside text={name} length={120} />
                    </a>
                  </td>
                  <td class="right">{count(runs)}</td>
                  <td>{registered ? isKnown ? 'yes' : 'no' : <span class="quiet">not known</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > drawn && (
        <Button onPress={() => setDrawn(drawn + 10 * DRAWN)}>Show {count(rows.length - drawn)} more</Button>
      )}
    </section>
  )
}
