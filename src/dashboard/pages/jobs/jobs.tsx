import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useLive } from '../../api/live.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { useValue } from '../../api/signal.ts'
import { isVisible } from '../../api/visible.ts'
import { here } from '../../app/location.ts'
import { SearchField } from '../../app/searchField.tsx'
import { can, me } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Live } from '../../parts/live.tsx'
import { Page } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { BulkBar } from './bulk/bulkBar.tsx'
import { NoJobs, NoList, NoneFits } from './empty.tsx'
import { Chips } from './filter/chips.tsx'
import { FacetPanel } from './filter/facetPanel.tsx'
import { countOf, filterOf, isAll, type JobsFilter, optionsOf } from './filter/jobsFilter.ts'
import { RangeField } from './filter/rangeField.tsx'
import { JobList } from './list/jobList.ts'
import { JobTable } from './list/jobTable.tsx'
import { Selection } from './list/selection.ts'
import { backendJobs, countFacets, type Facets, recordedJobs } from './list/sources.ts'

/** While jobs change, they are counted again so often, ms. */
const COUNT_MS = 5000

/** The jobs of the fleet, newest first: as the recorder knows them, else as the result backend does. */
export function Jobs(): JSX.Element {
  const isRecorded = can('record')
  if (!isRecorded && !can('list'))
    return (
      <Page title="Jobs">
        <NoList />
      </Page>
    )
  return <JobsOf isRecorded={isRecorded} />
}

function JobsOf({ isRecorded }: { isRecorded: boolean }): JSX.Element {
  const { query } = here.value
  const filter = useMemo(() => filterOf(query), [query.toString()])
  const { list, selection } = useList(filter, isRecorded)
  const facets = useFacets(filter, list, isRecorded)
  const [isOpen, setOpen] = useState(false)
  const chosen = countOf(filter)
  return (
    <Page title="Jobs" actions={isRecorded && <Live />}>
      <div class={isOpen ? 'jobs open' : 'jobs'}>
        <div class="row tools">
          <SearchField label="Search jobs" hint="Search id, task, tag, arguments or error" />
          <RangeField filter={filter} />
          {isRecorded && (
            <Button pressed={isOpen} onPress={() => setOpen(!isOpen)}>
              {chosen > 0 ? `Filters (${chosen})` : 'Filters'}
            </Button>
          )}
        </div>
        <Chips filter={filter} />
        {me.value?.recorder === 'stopped' && (
          <p class="notice">No process records the fleet now: what is shown is old.</p>
        )}
        <div class="parts">
          {isRecorded && <FacetPanel filter={filter} facets={facets.data} />}
          <div class="listed">
            {facets.error && <Problem error={facets.error} retry={facets.reload} />}
            <Listed {...{ filter, list, selection, isRecorded }} facets={facets.data} />
          </div>
        </div>
      </div>
    </Page>
  )
}

interface ListedProps {
  readonly filter: JobsFilter
  readonly list: JobList
  readonly selection: Selection
  readonly facets: Facets | undefined
  readonly isRecorded: boolean
}

function Listed({ filter, list, selection, facets, isRecorded }: ListedProps): JSX.Element {
  useValue(list.rows.version)
  const total = facets && { count: facets.total, isPartial: facets.isPartial }
  const isNone = list.rows.state === 'ended' && list.rows.count === 0
  if (isNone) return isAll(filter) ? <NoJobs /> : <NoneFits />
  return (
    <>
      <BulkBar {...{ filter, list, selection, total, isRecorded }} />
      <JobTable {...{ list, selection, total, isRecorded }} />
    </>
  )
}

/** The list of a filter, which follows what happens. */
function useList(filter: JobsFilter, isRecorded: boolean): { list: JobList; selection: Selection } {
  const made = useMemo(() => {
    const now = Date.now()
    const { since, until } = optionsOf(filter, now)
    const load = isRecorded ? recordedJobs(filter, now) : backendJobs(filter, now)
    const bounds = { states: new Set(filter.state), since: since?.getTime(), until: until?.getTime() }
    return { list: new JobList(load, bounds), selection: new Selection() }
  }, [filter, isRecorded])
  const { list } = made
  useEffect(() => {
    void list.restart()
    return () => list.close()
  }, [list])
  const { state: _, since: _since, until: _until, ...watched } = optionsOf(filter, 0)
  useLive(
    isRecorded
      ? {
          watch: { watch: can('see') ? ['jobs', 'queues'] : 'jobs', limit: 100, ...watched },
          begin: () => list.begin(),
          change: (message) => (message.kind === 'jobs' ? list.change(message) : undefined),
        }
      : undefined,
  )
  return made
}

/** The counts of a filter; those of the filter before stay until they are there. */
function useFacets(filter: JobsFilter, list: JobList, isRecorded: boolean): Resource<Facets | undefined> {
  const facets = useResource<Facets | undefined>(
    async (signal) => (isRecorded ? countFacets(filter, Date.now(), signal) : undefined),
    [filter, isRecorded],
  )
  const before = useRef<Facets>(undefined)
  if (facets.data) before.current = facets.data
  const counted = useRef(0)
  useEffect(() => {
    counted.current = list.changes
    const timer = setInterval(() => {
      if (list.changes === counted.current || !isVisible.value) return
      counted.current = list.changes
      void facets.reload()
    }, COUNT_MS)
    return () => clearInterval(timer)
  }, [list, isRecorded])
  return { ...facets, data: facets.data ?? before.current }
}
