import type { JSX } from 'preact'
import { ProblemError } from '../../../client/problem.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Outside } from '../../parts/text/outside.tsx'
import { Commands } from './commands.tsx'
import { Lifecycle } from './lifecycle.tsx'
import { Profile } from './profile/profile.tsx'
import { Running } from './running.tsx'
import { type SeenWorker, seenNow, softwareOf } from './seenWorker.ts'
import { TaskTable } from './taskTable.tsx'
import { useStacks } from './useStacks.ts'
import { useWorkerChanges } from './useWorkerChanges.ts'
import { WorkerFacts } from './workerFacts.tsx'

/** One worker: what it runs, how it is, and all that it can be asked to do. */
export function Worker({ id }: { readonly id: string }): JSX.Element {
  const worker = useResource(async (signal) => seenNow(await client.workers.get(id, { signal })), [id])
  const problem = useWorkerChanges(({ changed, gone }) => {
    const newer = changed.find(({ name }) => name === id)
    if (newer) worker.update(() => newer)
    // One that was lost may be there again.
    if (gone.includes(id) || (newer && worker.error && !worker.isLoading)) void worker.reload()
  })
  const isUnknown = worker.error instanceof ProblemError && worker.error.kind === 'unknown-worker'
  const { data } = worker
  return (
    <Page
      title={<Outside text={id} />}
      actions={
        <>
          <Live />
          {data && !isUnknown && <Lifecycle worker={data} reload={worker.reload} />}
        </>
      }
    >
      {problem !== undefined && (
        <p class="notice" role="status">
          {problem}
        </p>
      )}
      {isUnknown ? (
        <Unknown name={id} />
      ) : (
        <Shown of={worker}>{(known) => <Parts worker={known} reload={worker.reload} />}</Shown>
      )}
    </Page>
  )
}

function Parts({ worker, reload }: { worker: SeenWorker; reload: () => Promise<void> }): JSX.Element {
  const software = softwareOf(worker)
  const taken = useStacks(worker.name)
  const knownTasks = useResource((signal) => client.knownTasks({ signal }), [worker.name])
  const registered = knownTasks.data?.tasks.flatMap(({ name, workers }) =>
    workers.includes(worker.name) ? [name] : [],
  )
  const hasSlots = /^celeriac:(?!inline)/.test(worker.pool?.kind ?? '')
  return (
    <>
      {!worker.answers && <Silent />}
      <WorkerFacts worker={worker} />
      {worker.answers && <Running {...{ worker, taken, reload }} />}
      {worker.answers && software === 'celeriac' && (
        <Profile worker={worker.name} slots={hasSlots ? (worker.pool?.size ?? 0) : 0} stacks={taken.stacks} />
      )}
      {worker.answers && <Commands worker={worker} registered={registered ?? []} reload={reload} />}
      <TaskTable worker={worker} registered={registered} error={knownTasks.error} />
    </>
  )
}

/** It does not answer, but was there within the last hour. */
function Silent(): JSX.Element {
  return (
    <p class="notice">
      It does not answer. It was killed, its machine or its connection is gone, or a task blocks it so that it cannot
      answer. An hour after its last event it is not listed any more.
    </p>
  )
}

function Unknown({ name }: { name: string }): JSX.Element {
  return (
    <Empty title="No worker of this name answers">
      <p>
        It was stopped, or it was lost more than an hour ago, or it is too busy to answer and sends no events. A worker
        that was started again may have another name.
      </p>
      <p>
        <a href={to('workers')}>All workers</a> · <a href={to('jobs', { worker: name })}>Jobs that it ran</a>
      </p>
    </Empty>
  )
}
