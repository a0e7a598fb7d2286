import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { QueueDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { can, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Live } from '../../parts/live.tsx'
import { Page, Shown } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { count } from '../../parts/text/format.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { Moment, Since } from '../../parts/text/time.tsx'
import { DeadOfQueue } from './deadOfQueue.tsx'
import { History } from './history.tsx'
import { Messages } from './messages.tsx'
import { useQueues } from './queueList.ts'
import { consumersOf, Depth, PauseButton, purge, QueueState } from './queueParts.tsx'

/** One queue: its facts, who takes from it, what is served next, and what died. */
export function Queue({ id }: { readonly id: string }): JSX.Element {
  const queues = useQueues()
  const listed = queues.data?.queues.find(({ name }) => name === id)
  // One that the list has not may have messages: the server looks for it by its name.
  const isMissing = queues.data !== undefined && listed === undefined
  const other = useResource(
    async (signal) => (isMissing ? client.queues.get(id, { signal }) : undefined),
    [id, isMissing],
  )
  const queue = listed ?? other.data
  const reload = async (): Promise<void> => {
    await Promise.all([queues.reload(), other.reload()])
  }
  return (
    <Page
      title={<Outside text={id} />}
      actions={
        <>
          <Live />
          {queue && <Actions queue={queue} reload={reload} />}
        </>
      }
    >
      {queues.trouble !== undefined && <p class="notice">The facts do not change now: {queues.trouble}</p>}
      {queues.error && <Problem error={queues.error} retry={queues.reload} />}
      {queue ? <About queue={queue} /> : isMissing && <Missing of={other} />}
    </Page>
  )
}

function Missing({ of }: { of: Resource<QueueDocument | undefined> }): JSX.Element {
  return (
    <Shown of={of}>
      {() => (
        <p>
          <a href={to('queues')}>All queues</a>
        </p>
      )}
    </Shown>
  )
}

interface ActionsProps {
  readonly queue: QueueDocument
  readonly reload: () => Promise<void>
}

function Actions({ queue, reload }: ActionsProps): JSX.Element {
  return (
    <>
      <PauseButton queue={queue} reload={reload} />
      <Button kind="danger" disabled={whyNot('purge')} onPress={() => purge({ queue, reload })}>
        Purge…
      </Button>
    </>
  )
}

function About({ queue }: { queue: QueueDocument }): JSX.Element {
  const { name, oldest, declared, paused } = queue
  const consumers = consumersOf(queue)
  const facts = useMemo(
    () =>
      [
        ['Waiting', <Depth key="depth" queue={queue} />],
        ['State', <QueueState key="state" queue={queue} />],
        [
          'Oldest waits',
          oldest === undefined ? undefined : (
            <span key="oldest">
              <Since at={oldest} /> <span class="quiet">since</span> <Moment at={oldest} />
            </span>
          ),
        ],
        ['Taken from by', <Takers key="takers" queue={queue} />],
        ['Consumers', consumers === undefined ? undefined : count(consumers)],
        ['Known to the app', declared ? 'Yes' : 'No: a worker takes from it, or messages wait in it'],
      ] as const,
    [queue],
  )
  return (
    <>
      {paused && <p class="notice">No worker takes a message from it until it is resumed. What runs goes on.</p>}
      <div class="card">
        <Facts of={facts} />
      </div>
      <Messages queue={name} waiting={queue.waiting} />
      <History queue={name} />
      {can('dead') && <DeadOfQueue queue={name} />}
    </>
  )
}

function Takers({ queue: { workers } }: { queue: QueueDocument }): JSX.Element {
  if (workers.length === 0) return <span class="quiet">No worker that answers</span>
  return (
    <ul class="queue-takers">
      {workers.map((name) => (
        <li key={name}>
          <a href={to(['workers', name])}>
            <Outside text={name} />
          </a>
        </li>
      ))}
    </ul>
  )
}
