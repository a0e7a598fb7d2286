import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { RecordedJobDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { can } from '../../app/session.ts'
import { Problem } from '../../parts/problem.tsx'
import { isEnded, State } from '../../parts/state.tsx'
import { counted } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { type KnownJob, viewOf } from './model.ts'

const MAX_JOBS = 200
const DRAWN = 10
/** Jobs that this one sends are looked for so often while it has not ended, ms. */
const AGAIN_MS = 5000

/** The jobs that belong to this one: what called it, what it called, and the workflow around. */
export function Related({ id, known }: { id: string; known: KnownJob }): JSX.Element | null {
  const { job } = known.history ?? {}
  const root = job?.root ?? id
  const isSeen = can('record') && job !== undefined
  const isOver = isEnded(viewOf(known).state)
  const { data, error } = useResource(
    async (signal) => (isSeen ? (await client.recorded.jobs({ root, limit: MAX_JOBS, signal })).jobs : []),
    [root, isSeen, isOver],
    isOver ? {} : { every: AGAIN_MS },
  )
  if (error) return <Problem error={error} />
  const jobs = data ?? []
  const children = jobs.filter((one) => one.parent === id)
  const isAlone = root === id && job?.parent === undefined && jobs.every((one) => one.id === id)
  if (isAlone) return null
  return (
    <section class="card job-related" aria-labelledby="job-related">
      <h2 id="job-related">Related jobs</h2>
      {job?.parent !== undefined && <Line name="Parent" id={job.parent} jobs={jobs} />}
      {root !== id && root !== job?.parent && <Line name="Root" id={root} jobs={jobs} />}
      {children.length > 0 && <Children jobs={children} />}
      <p>
        <a href={to(['workflows', root])}>Workflow</a>{' '}
        <span class="quiet">
          {jobs.length === MAX_JOBS ? `${MAX_JOBS} jobs or more` : counted(Math.max(1, jobs.length), 'job')}
        </span>
      </p>
    </section>
  )
}

function Line(props: { name: string; id: string; jobs: readonly RecordedJobDocument[] }): JSX.Element {
  const { name, id, jobs } = props
  return (
    <div>
      <h3>{name}</h3>
      <ul>
        <Entry id={id} job={jobs.find((one) => one.id === id)} />
      </ul>
    </div>
  )
}

function Children({ jobs }: { jobs: readonly RecordedJobDocument[] }): JSX.Element {
  const [isWhole, setWhole] = useState(false)
  const shown = isWhole ? jobs : jobs.slice(0, DRAWN)
  return (
    <div>
      <h3>{counted(jobs.length, 'child', 'children')}</h3>
      <ul>
        {shown.map((job) => (
          <Entry key={job.id} id={job.id} job={job} />
        ))}
      </ul>
      {shown.length < jobs.length && (
        <button type="button" class="button plain" onClick={() => setWhole(true)}>
          Show all
        </button>
      )}
    </div>
  )
}

function Entry({ id, job }: { id: string; job: RecordedJobDocument | undefined }): JSX.Element {
  return (
    <li>
      {job && <State state={job.state} />}
      <a href={to(['jobs', id])}>
        <Outside text={job?.task ?? id} length={80} />
      </a>
    </li>
  )
}
