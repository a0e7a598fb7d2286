import type { ComponentChildren, JSX } from 'preact'
import { to } from '../../app/location.ts'
import { Facts } from '../../parts/facts.tsx'
import { isEnded } from '../../parts/state.tsx'
import { duration } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago, Since } from '../../parts/text/time.tsx'
import { type KnownJob, viewOf } from './model.ts'

/** What to know of a job at once. */
export function Summary({ known }: { known: KnownJob }): JSX.Element {
  const job = viewOf(known)
  const recorded = known.history?.job
  const { task, attempt, createdAt, startedAt, endedAt, state } = job
  return (
    <section class="card job-summary" aria-label="Summary">
      <Facts
        of={[
          ['Task', task === null ? undefined : <Filter name="task" value={task} />],
          ['Queue', recorded?.queue && <Thing page="queues" name={recorded.queue} />],
          ['Worker', recorded?.worker && <Thing page="workers" name={recorded.worker} />],
          ['Attempt', attempt],
          ['Waited', waitOf(known)],
          ['Ran', ranOf(known)],
          ['Created', createdAt && <Ago at={createdAt} />],
          ['Started', startedAt && <Ago at={startedAt} />],
          ['Ended', isEnded(state) && endedAt ? <Ago at={endedAt} /> : undefined],
          ['Not before', isEnded(state) ? undefined : momentOf(recorded?.eta)],
          ['Expires', isEnded(state) ? undefined : momentOf(recorded?.expires)],
          ['Owner', recorded?.owner && <Filter name="owner" value={recorded.owner} />],
          ['Tags', recorded && recorded.tags.length > 0 ? <Tags tags={recorded.tags} /> : undefined],
          ['Called by', recorded?.client && <Outside text={recorded.client} />],
        ]}
      />
    </section>
  )
}

/** Jobs with the same value. */
function Filter({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <a href={to('jobs', { [name]: value })}>
      <Outside text={value} />
    </a>
  )
}

function Thing({ page, name }: { page: 'queues' | 'workers'; name: string }): JSX.Element {
  return (
    <a href={to([page, name])}>
      <Outside text={name} />
    </a>
  )
}

const MAX_TAGS = 20

function Tags({ tags }: { tags: readonly string[] }): JSX.Element {
  return (
    <span class="row">
      {tags.slice(0, MAX_TAGS).map((tag) => (
        <Filter key={tag} name="tag" value={tag} />
      ))}
      {tags.length > MAX_TAGS && <span class="quiet">and {tags.length - MAX_TAGS} more</span>}
    </span>
  )
}

function waitOf(known: KnownJob): ComponentChildren {
  const { wait, createdAt, startedAt, state } = viewOf(known)
  if (wait !== undefined) return <span class="number">{duration(wait)}</span>
  return createdAt && !startedAt && !isEnded(state) ? <Since at={createdAt} /> : undefined
}

function ranOf(known: KnownJob): ComponentChildren {
  const { runtime, startedAt, state } = viewOf(known)
  if (isEnded(state)) return runtime === undefined ? undefined : <span class="number">{duration(runtime)}</span>
  const isRunning = startedAt && state !== 'RETRY' && state !== 'PENDING' && state !== 'RECEIVED'
  return isRunning ? <Since at={startedAt} /> : undefined
}

/** Texts of Python may be no moment. */
function momentOf(text: string | undefined): ComponentChildren {
  if (text === undefined) return undefined
  return Number.isNaN(Date.parse(text)) ? <Outside text={text} /> : <Ago at={text} />
}
