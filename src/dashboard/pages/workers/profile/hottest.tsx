import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { duration, percent } from '../../../parts/text/format.ts'
import { Outside } from '../../../parts/text/outside.tsx'
import { shortPlace } from '../frame.ts'
import { type Call, hottest } from './callTree.ts'

const LISTED = 15

export interface HottestProps {
  readonly root: Call
  /** The function that is marked in the graph. */
  readonly marked: string | undefined
  readonly mark: (key: string | undefined) => void
}

/** The functions that took the most time, as a text. */
export function Hottest({ root, marked, mark }: HottestProps): JSX.Element {
  const list = useMemo(() => hottest(root, LISTED), [root])
  return (
    <div class="scroll">
      <table class="hottest">
        <thead>
          <tr>
            <th>Function</th>
            <th class="right">Self</th>
            <th class="right">Total</th>
          </tr>
        </thead>
        <tbody>
          {list.map(({ key, name, place, self, total }) => (
            <tr key={key} class={key === marked ? 'current' : ''}>
              <td>
                <button
                  type="button"
                  class="link"
                  aria-pressed={key === marked}
                  title="Mark it in the graph"
                  onClick={() => mark(key === marked ? undefined : key)}
                >
                  <Outside text={name} length={80} />
                </button>{' '}
                <span class="quiet" title={place}>
                  <Outside text={shortPlace(place)} length={80} />
                </span>
              </td>
              <td class="right">{timeOf(self, root)}</td>
              <td class="right">{timeOf(total, root)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function timeOf(time: number, { total }: Call): string {
  return `${duration(time)} · ${percent(total > 0 ? time / total : 0)}`
}
