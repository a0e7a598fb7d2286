import type { JSX } from 'preact'
import type { DoctorStoreDocument } from '../../../protocol/doctorDocument.ts'
import { Meter } from '../../parts/meter.tsx'
import { bytes, count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Scrolled } from '../../parts/text/scrolled.tsx'
import { clockText } from './clock.ts'

/** The stores: how full they are, and whether their clocks are right. */
export function Stores({ stores }: { stores: readonly DoctorStoreDocument[] }): JSX.Element | null {
  if (stores.length === 0) return null
  return (
    <section class="card">
      <h2>Stores</h2>
      <Scrolled class="scroll" label="Stores">
        <table class="health">
          <thead>
            <tr>
              <th>Store</th>
              <th class="right">Size</th>
              <th class="right">Free</th>
              <th>Memory</th>
              <th>Connections</th>
              <th>Clock</th>
            </tr>
          </thead>
          <tbody>
            {stores.map((store) => (
              <Store key={store.url} store={store} />
            ))}
          </tbody>
        </table>
      </Scrolled>
    </section>
  )
}

function Store({ store }: { store: DoctorStoreDocument }): JSX.Element {
  const { url, size, free, memory, connections, clockSkew } = store
  return (
    <tr>
      <td>
        <Outside text={url} length={300} />
      </td>
      <td class="right">{size === undefined ? '–' : bytes(size)}</td>
      <td class="right">{free === undefined ? '–' : bytes(free)}</td>
      <td>
        {memory ? <Use {...memory} label="Memory in use" text={bytes} /> : '–'}
        {memory && memory.policy !== '' && (
          <div class="quiet">
            policy <Outside text={memory.policy} />
          </div>
        )}
      </td>
      <td>{connections ? <Use {...connections} label="Connections in use" text={count} /> : '–'}</td>
      <td class={clockSkew === undefined ? '' : 'clock-wrong'}>{clockText(clockSkew)}</td>
    </tr>
  )
}

interface UseProps {
  readonly used: number
  /** 0: no limit. */
  readonly limit: number
  readonly label: string
  readonly text: (value: number) => string
}

function Use({ used, limit, label, text }: UseProps): JSX.Element {
  if (limit === 0) return <>{text(used)}, no limit</>
  return (
    <>
      <Meter share={used / limit} label={label} /> {text(used)} of {text(limit)}
    </>
  )
}
