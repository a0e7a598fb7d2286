import type { JSX } from 'preact'
import type { RunningTaskDocument, WorkerStackDocument } from '../../../protocol/workerDocument.ts'
import { client } from '../../api/client.ts'
import { to } from '../../app/location.ts'
import { me, whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { confirm } from '../../parts/ask/confirm.tsx'
import { counted } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { Ago, Since } from '../../parts/text/time.tsx'
import { notify } from '../../parts/toasts.tsx'
import { beginOf, type SeenWorker, softwareOf } from './seenWorker.ts'
import { Stack } from './stack.tsx'
import type { Stacks } from './useStacks.ts'

/** More rows would make the page slow. */
const MAX_ROWS = 200

export interface RunningProps {
  readonly worker: SeenWorker
  readonly taken: Stacks
  readonly reload: () => Promise<void>
}

/** What its slots run now, what can be done with that, and their stacks. */
export function Running({ worker, taken, reload }: RunningProps): JSX.Element {
  const { running = [], pool } = worker
  const { stacks, at, load } = taken
  const longest = running.toSorted((a, b) => (b.age ?? 0) - (a.age ?? 0))
  const free = Math.max(0, (pool?.size ?? 0) - running.length)
  return (
    <section class="card">
      <div class="row card-head">
        <h2>Running now</h2>
        <span class="quiet">{pool?.size !== undefined && `${counted(free, 'free slot')}`}</span>
        {softwareOf(worker) === 'celeriac' && (
          <>
            <Button
              disabled={whyNoStacks() ?? (running.length === 0 ? 'It runs no task now' : undefined)}
              onPress={load}
            >
              {stacks ? 'Refresh stacks' : 'Show stacks'}
            </Button>
            {at !== undefined && (
              <span class="quiet">
                stacks taken <Ago at={at} />
              </span>
            )}
          </>
        )}
      </div>
      {running.length === 0 ? (
        <p class="quiet">It runs no task now.</p>
      ) : (
        <div class="scroll">
          <table class="running">
            <thead>
              <tr>
                <th>Task</th>
                <th class="right">Runs for</th>
                <th>Arguments</th>
                <th>Slot</th>
                <th />
              </tr>
            </thead>
            <tbody>
              {longest.slice(0, MAX_ROWS).map((task) => (
                <Task key={task.id} {...{ worker, task, reload }} stack={stacks?.get(task.id)} hasStacks={!!stacks} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {longest.length > MAX_ROWS && <p class="quiet">and {counted(longest.length - MAX_ROWS, 'other task')}</p>}
    </section>
  )
}

/** To read stacks changes nothing: it is allowed where all is read-only. */
function whyNoStacks(): string | undefined {
  const { readOnly, role } = me.value ?? {}
  return readOnly && (role === 'operator' || role === 'admin') ? undefined : whyNot('control')
}

interface TaskProps {
  readonly worker: SeenWorker
  readonly task: RunningTaskDocument
  readonly stack: WorkerStackDocument | undefined
  readonly hasStacks: boolean
  readonly reload: () => Promise<void>
}

function Task({ worker, task, stack, hasStacks, reload }: TaskProps): JSX.Element {
  const { id, task: name, args = '', kwargs = '', queue, pid } = task
  const begin = beginOf(worker, task)
  const hasKwargs = kwargs !== '' && kwargs !== '{}'
  return (
    <>
      <tr>
        <td>
          <a href={to(['jobs', id])}>
            <Outside text={name} length={120} />
          </a>
          <div class="quiet">
            <Outside text={id} length={60} />
          </div>
        </td>
        <td class="right">{begin === undefined ? '–' : <Since at={begin} />}</td>
        <td>
          <Outside text={hasKwargs ? `${args} ${kwargs}` : args} />
        </td>
        <td>
          {stack?.slot ?? ''} {pid !== undefined && <span class="quiet">pid {pid}</span>}
          {queue !== undefined && (
            <div>
              <a href={to(['queues', queue])}>
                <Outside text={queue} length={60} />
              </a>
            </div>
          )}
        </td>
        <td class="tight">
          <Ends task={task} reload={reload} />
        </td>
      </tr>
      {hasStacks && (
        <tr class="stack-row">
          <td colSpan={5}>
            <Stack stack={stack} name={name} />
          </td>
        </tr>
      )}
    </>
  )
}

function Ends({ task, reload }: { task: RunningTaskDocument; reload: () => Promise<void> }): JSX.Element {
  const { id, task: name } = task
  const end = async (terminate: boolean): Promise<void> => {
    if (terminate && !(await confirm(terminateQuestion(name)))) return
    await client.cancel(id, { terminate })
    notify(visible(terminate ? `${name} is terminated` : `${name} is revoked: it is asked to stop`))
    await reload()
  }
  return (
    <div class="row">
      <Button disabled={whyNot('revoke')} onPress={() => end(false)}>
        Revoke
      </Button>
      <Button kind="danger" disabled={whyNot('revoke')} onPress={() => end(true)}>
        Terminate
      </Button>
    </div>
  )
}

function terminateQuestion(name: string): Parameters<typeof confirm>[0] {
  const text = (
    <p>
      The run of <Outside text={name} length={80} /> is ended by force where its pool can do that. What it has done so
      far stays done.
    </p>
  )
  return { title: 'Terminate this run?', text, action: 'Terminate' }
}
