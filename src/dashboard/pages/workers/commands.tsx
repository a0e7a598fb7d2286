import type { JSX } from 'preact'
import { useId } from 'preact/hooks'
import type { WorkerQueueDocument } from '../../../protocol/workerDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { to } from '../../app/location.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'
import { CommandForm } from './commandForm.tsx'
import { ADD_CONSUMER, type CommandFacts, EVENT_COMMANDS, LIMIT_COMMANDS, POOL_COMMANDS } from './commandTable.ts'
import { type SeenWorker, softwareOf } from './seenWorker.ts'

interface CommandsProps {
  readonly worker: SeenWorker
  /** Names of tasks that are proposed. */
  readonly registered: readonly string[]
  readonly reload: () => Promise<void>
}

/** Names that a field proposes at most. */
const MAX_PROPOSED = 500

/** All that a worker can be asked to do, but for its end. */
export function Commands({ worker, registered, reload }: CommandsProps): JSX.Element {
  const [tasks, queues] = [useId(), useId()]
  const known = useResource((signal) => client.queues.list({ signal }), [])
  const lists = { task: tasks, queue: queues }
  const names = [...new Set([...registered, ...Object.keys(worker.tasks ?? {})])].sort()
  const form = (facts: CommandFacts): JSX.Element => (
    <CommandForm key={facts.command} {...{ worker, facts, lists, reload }} />
  )
  return (
    <div class="commands">
      <datalist id={tasks}>
        {names.slice(0, MAX_PROPOSED).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <datalist id={queues}>
        {known.data?.queues.slice(0, MAX_PROPOSED).map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <section class="card">
        <h2>Queues</h2>
        <Queues worker={worker} reload={reload} />
        {form(ADD_CONSUMER)}
      </section>
      <section class="card">
        <h2>Pool</h2>
        {POOL_COMMANDS.map(form)}
      </section>
      <section class="card">
        <h2>Limits of a task</h2>
        <p class="quiet">They hold until this worker stops.</p>
        {LIMIT_COMMANDS.map(form)}
      </section>
      <section class="card">
        <h2>Events</h2>
        <div class="row events">{EVENT_COMMANDS.map(form)}</div>
        {softwareOf(worker) === 'celery' && (
          <p class="quiet">
            Celery’s workers do not know quiet, resume, stacks and profiles: these are for workers of celeriac.
          </p>
        )}
      </section>
    </div>
  )
}

function Queues({ worker, reload }: { worker: SeenWorker; reload: () => Promise<void> }): JSX.Element {
  const { queues = [] } = worker
  if (queues.length === 0) return <p class="quiet">It takes from no queue.</p>
  return (
    <ul class="plain-list">
      {queues.map((queue) => (
        <Queue key={queue.name} {...{ worker, queue, reload }} />
      ))}
    </ul>
  )
}

function Queue(props: { worker: SeenWorker; queue: WorkerQueueDocument; reload: () => Promise<void> }): JSX.Element {
  const { worker, queue, reload } = props
  const { name, paused } = queue
  const cancel = async (): Promise<void> => {
    const { ok } = await client.workers.command(worker.name, 'cancel-consumer', { queue: name })
    notify(visible(`${worker.name}: ${ok}`))
    await reload()
  }
  return (
    <li class="row">
      <a href={to(['queues', name])}>
        <Outside text={name} length={80} />
      </a>
      {paused && <span class="quiet">paused</span>}
      <Button label={`Cancel consumer of ${name}`} disabled={whyNot('control')} onPress={cancel}>
        Cancel consumer
      </Button>
    </li>
  )
}
