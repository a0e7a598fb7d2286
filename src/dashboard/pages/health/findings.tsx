import type { JSX } from 'preact'
import type { FindingDocument } from '../../../protocol/doctorDocument.ts'
import { to } from '../../app/location.ts'
import { Icon } from '../../parts/icon.tsx'
import { Outside } from '../../parts/text/outside.tsx'

/** Where something can be done about it: the page, and its name. */
const PAGES: Readonly<Record<string, readonly [path: string, title: string]>> = {
  'no-worker': ['workers', 'Workers'],
  quiet: ['workers', 'Workers'],
  version: ['workers', 'Workers'],
  'clock-skew': ['workers', 'Workers'],
  'no-consumer': ['queues', 'Queues'],
  paused: ['queues', 'Queues'],
  'breaker-open': ['queues', 'Queues'],
  'held-back': ['queues', 'Queues'],
  'limit-stuck': ['queues', 'Queues'],
  'dead-letters': ['dead', 'Dead letters'],
}

/** What is wrong, and what to do about each. */
export function Findings({ findings }: { findings: readonly FindingDocument[] }): JSX.Element {
  if (findings.length === 0)
    return (
      <section class="card">
        <p class="state good healthy">
          <Icon name="state-good" /> Nothing is wrong, as far as the checks see
        </p>
      </section>
    )
  return (
    <section aria-label="What is wrong" class="findings">
      {findings.map(({ check, text }) => {
        const page = PAGES[check]
        return (
          <div key={`${check} ${text}`} class="notice finding">
            <h2>{titleOf(check)}</h2>
            <p>
              <Outside text={text} length={4000} />
            </p>
            {page && <a href={to(page[0])}>Go to {page[1]}</a>}
          </div>
        )
      })}
    </section>
  )
}

/** `Dead letters` of `dead-letters`. */
function titleOf(check: string): string {
  const words = check.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
