import type { JSX } from 'preact'
import { client } from '../../api/client.ts'
import { whyNot } from '../../app/session.ts'
import { Button } from '../../parts/ask/button.tsx'
import { confirm } from '../../parts/ask/confirm.tsx'
import { counted } from '../../parts/text/format.ts'
import { Outside, visible } from '../../parts/text/outside.tsx'
import { notify } from '../../parts/toasts.tsx'
import { type SeenWorker, softwareOf } from './seenWorker.ts'

const SILENT = 'It does not answer'

/** Whether it takes tasks, and its end. */
export function Lifecycle({ worker, reload }: { worker: SeenWorker; reload: () => Promise<void> }): JSX.Element {
  const { name, quiet, answers } = worker
  const silent = answers ? undefined : SILENT
  const turn = async (): Promise<void> => {
    const { ok } = await client.workers.command(name, quiet ? 'resume' : 'quiet')
    notify(visible(`${name}: ${ok}`))
    await reload()
  }
  const runs = worker.running?.length ?? 0
  const shutDown = async (): Promise<void> => {
    const text = (
      <p>
        <Outside text={name} /> {runs > 0 && `finishes what it runs now (${counted(runs, 'task')}), and `}ends. What it
        has reserved goes to other workers. Only your process manager starts it again.
      </p>
    )
    if (!(await confirm({ title: 'Shut down this worker?', text, action: 'Shut down' }))) return
    await client.workers.shutdown(name)
    notify(visible(`${name} was asked to shut down`))
    await reload()
  }
  return (
    <>
      {softwareOf(worker) === 'celeriac' && (
        <Button disabled={whyNot('control') ?? silent} onPress={turn}>
          {quiet ? 'Resume' : 'Quiet'}
        </Button>
      )}
      <Button kind="danger" disabled={whyNot('shutdown') ?? silent} onPress={shutDown}>
        Shut down
      </Button>
    </>
  )
}
