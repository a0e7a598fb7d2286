import type { JSX } from 'preact'
import { counted } from '../parts/text/format.ts'
import { Outside } from '../parts/text/outside.tsx'
import type { Path } from './model/json.ts'
import type { Issue } from './model/read.ts'
import { placeOf } from './problems.ts'

const MAX_SHOWN = 12

/** All that is wrong in a form, each with a way to its field; screen readers say it when it comes. */
export function Summary(props: {
  id: string
  issues: readonly Issue[]
  nameOf: (path: Path) => string
}): JSX.Element | null {
  const { id, issues, nameOf } = props
  if (issues.length === 0) return null
  const rest = issues.length - MAX_SHOWN
  return (
    <div class="problem summary" role="alert">
      <p>
        <strong>{counted(issues.length, 'value does', 'values do')} not fit</strong>
      </p>
      <ul>
        {issues.slice(0, MAX_SHOWN).map(({ path, message }) => {
          const name = nameOf(path)
          return (
            <li key={`${name} ${message}`}>
              <button type="button" class="link" onClick={() => placeOf(id, path)?.focus()}>
                <Outside text={name === '' ? message : `${name}: ${message}`} length={300} />
              </button>
            </li>
          )
        })}
      </ul>
      {rest > 0 && <p>{`And ${rest} more`}</p>}
    </div>
  )
}
