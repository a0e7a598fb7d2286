import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { merged } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { here, setQuery } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { Code } from '../../parts/text/code.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { type SeenWorker, seenNow } from './seenWorker.ts'
import { useWorkerChanges } from './useWorkerChanges.ts'
import { WorkerTable } from './workerTable.tsx'

/** The workers of the fleet, ours and Celery's: what they do, and how they are. */
export function Workers(): JSX.Element {
  const { resource, problem } = useWorkers()
  const text = here.value.query.get('q') ?? ''
  useRowKeys('worker')
  return (
    <Page title="Workers" actions={<Live />}>
      {problem !== undefined && (
        <p class="notice" role="status">
          {problem}
        </p>
      )}
      <Shown of={resource}>
        {(workers) =>
          workers.length === 0 ? (
            <None />
          ) : (
            <>
              <div class="row">
                <input
                  type="search"
                  aria-label="Filter by name"
                  placeholder="Filter by name"
                  value={text}
                  onInput={({ currentTarget }) => setQuery({ q: currentTarget.value })}
                />
                <p class="quiet">{summaryOf(workers)}</p>
              </div>
              <WorkerTable workers={workers} text={text} />
            </>
          )
        }
      </Shown>
    </Page>
  )
}

function useWorkers(): { resource: Resource<readonly SeenWorker[]>; problem: string | undefined } {
  const resource = useResource<readonly SeenWorker[]>(
    async (signal) => (await client.workers.list({ signal })).workers.map(seenNow),
    [],
  )
  const problem = useWorkerChanges(({ changed, gone, isWhole }) => {
    if (resource.error && !resource.isLoading) void resource.reload()
    resource.update((list) => (isWhole ? changed : merged(list, changed, gone, ({ name }) => name)))
  })
  return { resource, problem }
}

function None(): JSX.Element {
  return (
    <Empty title="No worker answers">
      <p>Jobs wait until a worker takes them. Start one beside your tasks; it is here a second later:</p>
      <Code label="Start a worker" text="npx celeriac worker tasks.ts" />
    </Empty>
  )
}

function summaryOf(workers: readonly SeenWorker[]): string {
  const answering = workers.filter(({ answers }) => answers)
  const running = answering.reduce((sum, worker) => sum + (worker.running?.length ?? 0), 0)
  const slots = answering.reduce((sum, { pool }) => sum + (pool?.size ?? 0), 0)
  const silent = workers.length - answering.length
  return [
    counted(answering.length, 'worker'),
    `${count(running)} of ${counted(slots, 'slot')} in use`,
    ...(silent > 0 ? [`${count(silent)} not answering`] : []),
  ].join(' · ')
}
