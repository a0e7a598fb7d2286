import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { LimitDocument } from '../../../protocol/limitDocument.ts'
import { client } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Button } from '../../parts/ask/button.tsx'
import { Dialog } from '../../parts/ask/dialog.tsx'
import { Choice, Text } from '../../parts/ask/fields.tsx'
import { Problem } from '../../parts/problem.tsx'
import { notify } from '../../parts/toasts.tsx'
import { nameOf, targetOf } from './limitTarget.ts'

type Kind = LimitDocument['kind']
const KINDS: readonly (readonly [Kind, string])[] = [
  ['task', 'A task'],
  ['limit', 'A shared limit'],
  ['queue', 'A queue'],
]

/** Pauses what the lists do not show: a task that waits for nothing, one key of it, a limit, a queue. */
export function PauseDialog({ close, reload }: { close: () => void; reload: () => Promise<void> }): JSX.Element {
  const [kind, setKind] = useState<Kind>('task')
  const [name, setName] = useState('')
  const [key, setKey] = useState('')
  const [error, setError] = useState<Error>()
  const tasks = useResource((signal) => client.knownTasks({ signal }), [])
  const press = async (): Promise<void> => {
    const named = { kind, name, key: kind === 'task' ? key : '' }
    try {
      await client.pause(targetOf(named))
    } catch (thrown) {
      setError(thrown as Error)
      return
    }
    notify(`${nameOf(named)} is paused`)
    close()
    await reload()
  }
  return (
    <Dialog title="Pause a task or a limit" close={close}>
      <form class="confirm" onSubmit={(event) => event.preventDefault()}>
        <p>No worker begins more of it until it is resumed. What runs goes on.</p>
        <Choice label="What" value={kind} of={KINDS} change={(value) => setKind(value as Kind)} />
        <Text
          label="Name"
          value={name}
          suggestions={kind === 'task' ? (tasks.data?.tasks.map((task) => task.name) ?? []) : undefined}
          change={setName}
        />
        {kind === 'task' && (
          <Text
            label="Key"
            hint="Of a task whose limits have keys, as one customer; empty: all of it"
            value={key}
            change={setKey}
          />
        )}
        {error && <Problem error={error} />}
        <footer>
          <Button onPress={close}>Cancel</Button>
          <Button kind="primary" submit disabled={name === '' ? 'Name it first' : undefined} onPress={press}>
            Pause
          </Button>
        </footer>
      </form>
    </Dialog>
  )
}
