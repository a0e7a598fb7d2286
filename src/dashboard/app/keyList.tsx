import type { JSX } from 'preact'
import { useValue } from '../api/signal.ts'
import { Dialog } from '../parts/ask/dialog.tsx'
import { bindings, searchField } from './keys.ts'

/** The keys that work on this page. */
export function KeyList({ close }: { close: () => void }): JSX.Element {
  const known = useValue(bindings).filter(({ keys }) => keys !== '/' || searchField())
  const newest = new Map(known.map((binding) => [binding.keys, binding]))
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {[...newest.values()].map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
