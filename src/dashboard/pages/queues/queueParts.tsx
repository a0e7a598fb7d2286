import type { JSX } from 'preact'
import type { QueueDocument } from '../../../protocol/queueDocument.ts'
import { client } from '../../api/client.ts'
import { me, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { confirm } from '../../parts/ask/confirm.tsx'
import { Meter } from '../../parts/meter.tsx'
import { count, counted } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'

/** How many wait, and of how many. */
export function Depth({ queue }: { queue: QueueDocument }): JSX.Element {
  const { waiting, limit, nearlyFull } = queue
  if (limit === undefined) return <span class="number">{count(waiting)}</span>
  const isFull = waiting >= limit
  return (
    <span class="queue-depth">
      <span class="number">
        {count(waiting)} of {count(limit)}
      </span>
      <Meter share={limit === 0 ? 1 : waiting / limit} label="Messages that may wait" />
      {nearlyFull && <span class={`badge ${isFull ? 'bad' : 'warn'}`}>{isFull ? 'Full' : 'Nearly full'}</span>}
    </span>
  )
}

/** Of other stores than RabbitMQ these are all workers, whatever they take from. */
export function consumersOf({ consumers }: QueueDocument): number | undefined {
  return /^(py)?amqp/.test(me.value?.broker ?? '') ? consumers : undefined
}

/** Whether messages are taken, in words. */
export function QueueState({ queue: { paused, workers, waiting } }: { queue: QueueDocument }): JSX.Element {
  if (paused) return <span class="badge warn">Paused</span>
  if (workers.length > 0) return <span class="quiet">Served</span>
  return (
    <span class={waiting > 0 ? 'badge warn' : 'quiet'} title="No worker that answers takes from it">
      No worker
    </span>
  )
}

export interface QueueActionProps {
  readonly queue: QueueDocument
  readonly reload: () => Promise<void>
}

export function PauseButton({ queue, reload }: QueueActionProps): JSX.Element {
  const { name, paused } = queue
  const press = async (): Promise<void> => {
    await (paused ? client.queues.resume(name) : client.queues.pause(name))
    notify(paused ? `Queue ${visible(name)} goes on` : `Queue ${visible(name)} is paused`)
    await reload()
  }
  const reason = whyNot('pause')
  return (
    <Button disabled={reason} onPress={press}>
      {paused ? 'Resume' : 'Pause'}
      <span class="unseen"> queue {visible(name)}</span>
    </Button>
  )
}

/** Drops what waits: only after the user has seen how many, and has typed the name. */
export async function purge({ queue, reload }: QueueActionProps): Promise<void> {
  const { name } = queue
  const { count: found } = await client.queues.purge(name, { dryRun: true })
  const isSure = await confirm({
    title: 'Purge the queue',
    text: (
      <>
        <p>
          {counted(found, 'message')} of the queue <Outside text={name} /> {found === 1 ? 'waits' : 'wait'} now.
        </p>
        <p>
          All of them are dropped, with those that are delayed, and their jobs are revoked. Tasks that run go on. It
          cannot be undone.
        </p>
      </>
    ),
    action: `Purge ${counted(found, 'message')}`,
    typed: name,
  })
  if (!isSure) return
  const { count: dropped } = await client.queues.purge(name)
  notify(`${counted(dropped, 'message')} of queue ${visible(name)} dropped`)
  await reload()
}
