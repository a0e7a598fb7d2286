import type { JSX } from 'preact'
import type { QueueDocument } from '../../../protocol/queueDocument.ts'
import { to } from '../../app/location.ts'
import { useRowKeys } from '../../app/rowKeys.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Menu } from '../../parts/ask/menu.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Empty } from '../../parts/problem.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { Since } from '../../parts/text/time.tsx'
import { Limits } from './limits.tsx'
import { useQueues } from './queueList.ts'
import { consumersOf, Depth, PauseButton, purge, type QueueActionProps, QueueState } from './queueParts.tsx'

/** The queues: what waits in them, and who takes from them; and what is limited or paused. */
export function Queues(): JSX.Element {
  const queues = useQueues()
  useRowKeys('queue')
  return (
    <Page title="Queues" actions={<Live />}>
      {queues.trouble !== undefined && <p class="notice">The list does not change now: {queues.trouble}</p>}
      <Shown of={queues}>
        {({ queues: list, delayed, held }) =>
          list.length === 0 ? (
            <Empty title="No queues yet">
              <p>
                A queue is here when the app declares it or sends a task to it, when a worker takes from it, or when it
                is paused. Start a worker: <code>celeriac worker -A module</code>, or Celery's.
              </p>
            </Empty>
          ) : (
            <>
              <Sums list={list} delayed={delayed} held={held} />
              <QueueTable list={list} reload={queues.reload} />
            </>
          )
        }
      </Shown>
      <Limits queuesChanged={queues.reload} />
    </Page>
  )
}

function Sums(props: {
  list: readonly QueueDocument[]
  delayed: number | undefined
  held: number | undefined
}): JSX.Element {
  const waiting = props.list.reduce((sum, queue) => sum + queue.waiting, 0)
  return (
    <p class="queue-sums">
      <Sum value={waiting} words="waiting" hint="Messages that may be taken now" />
      <Sum value={props.delayed} words="delayed" hint="Messages that wait for their time, of all queues" />
      <Sum value={props.held} words="held" hint="Messages that workers hold, of all queues" />
    </p>
  )
}

function Sum({ value, words, hint }: { value: number | undefined; words: string; hint: string }): JSX.Element | null {
  if (value === undefined) return null
  return (
    <span title={hint}>
      <strong class="number">{count(value)}</strong> {words}
    </span>
  )
}

function QueueTable({ list, reload }: { list: readonly QueueDocument[]; reload: () => Promise<void> }): JSX.Element {
  const hasConsumers = list.some((queue) => consumersOf(queue) !== undefined)
  return (
    <div class="scroll">
      <table class="folds">
        <thead>
          <tr>
            <th>Queue</th>
            <th class="right">Waiting</th>
            <th class="right">Oldest waits</th>
            <th class="right">Workers</th>
            {hasConsumers && <th class="right">Consumers</th>}
            <th>State</th>
            <th>
              <span class="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((queue) => (
            <Row key={queue.name} {...{ queue, reload, hasConsumers }} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ queue, reload, hasConsumers }: QueueActionProps & { hasConsumers: boolean }): JSX.Element {
  const { name, oldest, workers, declared } = queue
  const consumers = consumersOf(queue)
  return (
    <tr>
      <td class="name">
        <a href={to(['queues', name])} data-row>
          <Outside text={name} />
        </a>
        {!declared && (
          <span class="badge" title="The app does not name it: a worker takes from it, or messages wait in it">
            Unknown to the app
          </span>
        )}
      </td>
      <td class="right" data-of="Waiting">
        <Depth queue={queue} />
      </td>
      <td class="right" data-of="Oldest waits">
        {oldest === undefined ? <span class="quiet">–</span> : <Since at={oldest} />}
      </td>
      <td class="right" data-of="Workers" title={workers.map((worker) => visible(worker)).join('\n')}>
        {count(workers.length)}
      </td>
      {hasConsumers && (
        <td class="right" data-of="Consumers">
          {consumers === undefined ? <span class="quiet">–</span> : count(consumers)}
        </td>
      )}
      <td>
        <QueueState queue={queue} />
      </td>
      <td class="tight">
        <div class="row">
          <PauseButton queue={queue} reload={reload} />
          <Menu label={`More for queue ${visible(name)}`}>
            <Button disabled={whyNot('purge')} onPress={() => purge({ queue, reload })}>
              Purge…
            </Button>
          </Menu>
        </div>
      </td>
    </tr>
  )
}
