import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { LimitDocument, LimitPage } from '../../../protocol/limitDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Shown } from '../../parts/page.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { notify } from '../../parts/toasts.tsx'
import { nameOf, targetOf } from './limitTarget.ts'
import { PauseDialog } from './pauseDialog.tsx'

const RELOAD_MS = 5000
const PAGE = 50
const MAX_LISTED = 1000
const BREAKER: Readonly<Record<NonNullable<LimitDocument['breaker']>, string>> = {
  closed: 'Closed: all runs begin',
  open: 'Open: nothing begins',
  'half-open': 'Half-open: one run tries',
}

/** Limits that are in use, paused or held back, and what is paused beside queues. */
export function Limits({ queuesChanged }: { queuesChanged: () => Promise<void> }): JSX.Element {
  const [length, setLength] = useState(PAGE)
  const [isAsking, setAsking] = useState(false)
  const limits = useResource((signal) => client.limits({ signal, limit: length }), [length], { every: RELOAD_MS })
  const reload = async (): Promise<void> => {
    await Promise.all([limits.reload(), queuesChanged()])
  }
  return (
    <section class="part" aria-labelledby="limits">
      <header class="head">
        <h2 id="limits">Limits and pauses</h2>
        <div class="actions">
          <Button disabled={whyNot('pause')} onPress={() => setAsking(true)}>
            Pause a task or a limit…
          </Button>
        </div>
      </header>
      <Shown of={limits}>
        {(page) => <Listed page={page} reload={reload} more={() => setLength(Math.min(MAX_LISTED, length * 4))} />}
      </Shown>
      {isAsking && <PauseDialog close={() => setAsking(false)} reload={reload} />}
    </section>
  )
}

interface ListedProps {
  readonly page: LimitPage
  readonly reload: () => Promise<void>
  readonly more: () => void
}

function Listed({ page: { limits, cursor }, reload, more }: ListedProps): JSX.Element {
  if (limits.length === 0)
    return (
      <p class="quiet">
        No limit is in use, and nothing is paused. A task has limits by its options <code>concurrency</code> and{' '}
        <code>rateLimit</code>.
      </p>
    )
  return (
    <>
      <div class="scroll">
        <table class="folds limits">
          <thead>
            <tr>
              <th>Of</th>
              <th>Key</th>
              <th class="right">Held</th>
              <th class="right">Rate</th>
              <th class="right">Waiting</th>
              <th>Nothing begins until</th>
              <th>Breaker</th>
              <th>State</th>
              <th>
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {limits.map((limit) => (
              <Row key={JSON.stringify([limit.rule, limit.key])} limit={limit} reload={reload} />
            ))}
          </tbody>
        </table>
      </div>
      {cursor !== undefined && limits.length < MAX_LISTED && (
        <div>
          <Button onPress={more}>Show more</Button>
        </div>
      )}
    </>
  )
}

function Row({ limit, reload }: { limit: LimitDocument; reload: () => Promise<void> }): JSX.Element {
  const { rule, key, kind, name, held, concurrency, rate, waiting, until, breaker, paused } = limit
  const press = async (): Promise<void> => {
    await (paused ? client.resume(targetOf(limit)) : client.pause(targetOf(limit)))
    notify(paused ? `${nameOf(limit)} goes on` : `${nameOf(limit)} is paused`)
    await reload()
  }
  return (
    <tr>
      <td class="name" title={rule}>
        {kind} <Outside text={name} />
      </td>
      <td data-of="Key">{key === '' ? <span class="quiet">–</span> : <Outside text={key} />}</td>
      <td class="right" data-of="Held">
        {concurrency === undefined ? (
          count(held)
        ) : (
          <span class="queue-depth">
            {count(held)} of {count(concurrency)}
            <Meter share={concurrency === 0 ? 1 : held / concurrency} label="Held" />
          </span>
        )}
      </td>
      <td class="right" data-of="Rate">
        {rate ?? <span class="quiet">–</span>}
      </td>
      <td class="right" data-of="Waiting">
        {count(waiting)}
      </td>
      <td data-of="Nothing begins until">{until === undefined ? <span class="quiet">–</span> : <Ago at={until} />}</td>
      <td data-of="Breaker">{breaker === undefined ? <span class="quiet">–</span> : BREAKER[breaker]}</td>
      <td>{paused ? <span class="badge warn">Paused</span> : <span class="quiet">In use</span>}</td>
      <td class="tight">
        <Button disabled={whyNot('pause')} onPress={press}>
          {paused ? 'Resume' : 'Pause'}
          <span class="unseen"> {nameOf(limit)}</span>
        </Button>
      </td>
    </tr>
  )
}
