import type { JSX } from 'preact'
import type { FailureDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { merged, useLive } from '../../api/live.ts'
import { usePages } from '../../api/pages.ts'
import { here, setQuery, to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { SearchField } from '../../app/searchField.tsx'
import { TaskChoice } from '../../app/taskChoice.tsx'
import { Button } from '../../parts/ask/button.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { beginOf, PAST, pastOf } from '../../parts/past.ts'
import { Empty } from '../../parts/problem.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Ago } from '../../parts/text/time.tsx'
import { Regressed } from './regressed.tsx'

/** Groups of failures: the same task, and the same kind of error; the last seen first. */
export function Failures(): JSX.Element {
  const { query } = here.value
  const [q, task, since] = [query.get('q') ?? '', query.get('task') ?? '', query.get('since') ?? '']
  const filter = { q: q || undefined, task: task || undefined }
  const { list, hasMore, more } = usePages(
    async (cursor, signal) => {
      const page = await client.recorded.failures({
        ...filter,
        since: beginOf(pastOf(since), Date.now()),
        cursor,
        signal,
      })
      return { items: page.failures, cursor: page.cursor }
    },
    [q, task, since],
    ({ fingerprint }) => fingerprint,
  )
  useLive({
    watch: { watch: 'failures', ...filter },
    begin: list.reload,
    change: (message) => {
      if (message.kind === 'failures') list.update((known) => lastSeenFirst(known, message.changed))
    },
  })
  useRowKeys('group')
  const isFiltered = q !== '' || task !== '' || since !== ''
  return (
    <Page title="Failures" actions={<Live />}>
      <Filters task={task} since={since} />
      <Shown of={list}>
        {(failures) => (failures.length === 0 ? <None isFiltered={isFiltered} /> : <Groups failures={failures} />)}
      </Shown>
      {hasMore && (
        <div class="row">
          <Button onPress={more}>Show older groups</Button>
        </div>
      )}
    </Page>
  )
}

function lastSeenFirst(known: readonly FailureDocument[], changed: readonly FailureDocument[]): FailureDocument[] {
  return [...merged(known, changed, [], ({ fingerprint }) => fingerprint)].sort((a, b) =>
    b.lastAt.localeCompare(a.lastAt),
  )
}

function Filters({ task, since }: { task: string; since: string }): JSX.Element {
  return (
    <search class="row failures-filters">
      <SearchField label="Words in the task or the error" hint="Words in the task or the error" />
      <TaskChoice task={task} label="Task" all="All tasks" />
      <select aria-label="Seen" value={since} onChange={(event) => setQuery({ since: event.currentTarget.value })}>
        <option value="">Seen at any time</option>
        {Object.entries(PAST).map(([name, { title }]) => (
          <option key={name} value={name}>
            Seen in the {title}
          </option>
        ))}
      </select>
    </search>
  )
}

function None({ isFiltered }: { isFiltered: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <Empty title="No failures fit">
        <p>No group of failures has these words, this task and this time.</p>
        <Button onPress={() => setQuery({ q: undefined, task: undefined, since: undefined })}>Show all groups</Button>
      </Empty>
    )
  return (
    <Empty title="No failures">
      <p>
        Failures of one task with the same kind of error are one group: the same class, and the same message except for
        numbers, ids and quoted text. A group shows how often it happened, when first and last, and whether it came back
        after it was gone.
      </p>
    </Empty>
  )
}

function Groups({ failures }: { failures: readonly FailureDocument[] }): JSX.Element {
  return (
    <div class="scroll">
      <table class="failures">
        <thead>
          <tr>
            <th scope="col">Error</th>
            <th scope="col">Task</th>
            <th scope="col" class="right">
              Count
            </th>
            <th scope="col" class="right">
              Last seen
            </th>
            <th scope="col" class="right first-seen">
              First seen
            </th>
          </tr>
        </thead>
        <tbody>
          {failures.map((failure) => (
            <Group key={failure.fingerprint} failure={failure} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Group({ failure }: { failure: FailureDocument }): JSX.Element {
  const { fingerprint, task, type, message, count: times, firstAt, lastAt, regressedAt } = failure
  return (
    <tr>
      <td class="error">
        <a href={to(['failures', fingerprint])} data-row>
          <Outside text={type} />
        </a>{' '}
        <Regressed at={regressedAt} />
        <div class="message">
          <Outside text={message} />
        </div>
      </td>
      <td>
        <Outside text={task} />
      </td>
      <td class="right">{count(times)}</td>
      <td class="right">
        <Ago at={lastAt} />
      </td>
      <td class="right first-seen">
        <Ago at={firstAt} />
      </td>
    </tr>
  )
}
