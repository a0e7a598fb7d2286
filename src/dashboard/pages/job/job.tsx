import type { JSX } from 'preact'
import { to } from '../../app/location.ts'
import { can } from '../../app/session.ts'
import { Live } from '../../parts/live.tsx'
import { Loading } from '../../parts/loading.tsx'
import { Page } from '../../parts/page.tsx'
import { Empty, Problem } from '../../parts/problem.tsx'
import { isEnded, State } from '../../parts/state.tsx'
import { Copy } from '../../parts/text/copy.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Actions } from './actions/actions.tsx'
import { Attempts } from './attempts/attemptsCard.tsx'
import { Diagnosis } from './diagnosis.tsx'
import { JobFailure } from './failure/failure.tsx'
import { JobInput, useInput } from './input.tsx'
import { isMissing, type KnownJob, useJob, viewOf } from './model.ts'
import { Output } from './output/output.tsx'
import { useJobStream } from './output/stream.ts'
import { Related } from './related.tsx'
import { JobResult } from './result.tsx'
import { Summary } from './summary.tsx'
import { Trace } from './trace.tsx'

/** One job. */
export function Job({ id }: { readonly id: string }): JSX.Element {
  const job = useJob(id)
  const { data, error, reload, update } = job
  const input = useInput(id, data)
  const stream = useJobStream(id, data?.info !== undefined, () => void reload())
  if (!data) return <Unknown id={id} error={error} reload={reload} />
  const view = viewOf(data)
  const isOver = isEnded(view.state)
  return (
    <Page
      title={
        <span class="job-title">
          <Outside text={view.task ?? id} /> <State state={view.state} />
        </span>
      }
      actions={
        <>
          {can('record') && <Live />}
          <Actions
            job={view}
            known={data}
            input={input}
            changed={(info) => {
              if (info && data.info) update((known) => ({ ...known, info }))
              void reload()
            }}
          />
        </>
      }
    >
      <p class="row job-id">
        <code>
          <Outside text={id} />
        </code>
        <Copy text={id} label="Copy the id" />
      </p>
      {error && <Problem error={error} retry={reload} />}
      {data.problems.map((problem) => (
        <Problem key={problem.message} error={problem} retry={reload} />
      ))}
      <div class="job-page">
        <div class="job-side">
          <Summary known={data} />
          <Related id={id} known={data} />
          {data.info?.traceparent !== undefined && <Trace traceparent={data.info.traceparent} />}
        </div>
        <div class="job-main">
          {isWaiting(view.state) && <Diagnosis job={view} />}
          <JobFailure known={data} />
          {data.info && <Output stream={stream} isOver={isOver} isWaiting={isWaiting(view.state)} />}
          <JobResult known={data} />
          <JobInput input={input} known={data} />
          <Attempts job={view} steps={data.history?.steps ?? []} />
          <Sources known={data} />
        </div>
      </div>
    </Page>
  )
}

function isWaiting(state: string): boolean {
  return state === 'PENDING' || state === 'RECEIVED' || state === 'RETRY'
}

/** What is missing because one side does not know the job. */
function Sources({ known: { info, history, problems } }: { known: KnownJob }): JSX.Element | null {
  if (problems.length > 0 || (info && history)) return null
  if (!info)
    return (
      <p class="quiet">
        The result backend has no record of it: this is what its events say. It has expired, or its worker stores none
        before its end.
      </p>
    )
  return can('record') ? (
    <p class="quiet">The recorder has not seen it, so its queue, worker and history are not known.</p>
  ) : (
    <p class="quiet">No recorder runs, so its queue, worker and history are not known.</p>
  )
}

function Unknown(props: { id: string; error: Error | undefined; reload: () => Promise<void> }): JSX.Element {
  const { id, error, reload } = props
  return (
    <Page title={<Outside text={id} />}>
      {!error && <Loading />}
      {error && !isMissing(error) && <Problem error={error} retry={reload} />}
      {error && isMissing(error) && (
        <Empty title="No job is known by this id">
          <p>
            It was never submitted here, its record has expired, or no recorder has seen its events. An id is complete
            with 36 characters, as in the <a href={to('jobs')}>list of jobs</a>.
          </p>
        </Empty>
      )}
    </Page>
  )
}
