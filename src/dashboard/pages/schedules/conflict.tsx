import type { JSX } from 'preact'
import { Button } from '../../parts/ask/button.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { type Draft, differences } from './draft.ts'

export interface ConflictProps {
  /** As it was when the form was opened. */
  readonly before: Draft
  readonly mine: Draft
  readonly theirs: Draft
  readonly keepMine: () => Promise<void>
  readonly takeTheirs: () => void
}

/** Another change came before: what differs, and what to do. */
export function Conflict({ before, mine, theirs, keepMine, takeTheirs }: ConflictProps): JSX.Element {
  const changed = new Set(differences(before, mine).map(([name]) => name))
  const rows = differences(mine, theirs)
  return (
    <section class="notice confirm" role="alert" aria-label="The schedule was changed since">
      <p>
        <strong>Another change came before yours.</strong> Yours is not saved yet.
      </p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>What</th>
              <th>Yours</th>
              <th>Theirs, as it is now</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, own, other]) => (
              <tr key={name}>
                <td>
                  {name}
                  {!changed.has(name) && <span class="badge">You did not change it</span>}
                </td>
                <td>
                  <Outside text={own} />
                </td>
                <td>
                  <Outside text={other} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <Button kind="primary" onPress={keepMine}>
          Save what I changed over it
        </Button>
        <Button onPress={takeTheirs}>Take theirs, and begin again</Button>
      </div>
    </section>
  )
}
