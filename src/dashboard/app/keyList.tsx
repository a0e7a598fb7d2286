import type { JSX } from 'preact'
import { useValue } from '../api/signal.ts'
import { Dialog } from '../parts/ask/dialog.tsx'
import { bindings } from './keys.ts'

/** The keys that work on this page. */
export function KeyList({ close }: { close: () => void }): JSX.Element {
  const newest = new Map(useValue(bindings).map((binding) => [binding.keys, binding]))
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
