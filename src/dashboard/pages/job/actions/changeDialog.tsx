import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ChangeOptions } from '../../../../client/handle.ts'
import { parse } from '../../../../client/json.ts'
import type { JobDocument } from '../../../../protocol/jobDocument.ts'
import { client } from '../../../api/client.ts'
import { whyNot } from '../../../app/session.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Dialog } from '../../../parts/ask/dialog.tsx'
import { Text } from '../../../parts/ask/fields.tsx'
import { jsonFault } from '../../../parts/ask/jsonFault.ts'
import { JsonField } from '../../../parts/ask/jsonField.tsx'
import { fieldProblems } from '../../../parts/fieldProblems.ts'
import { Problem } from '../../../parts/problem.tsx'

type Fields = Readonly<Record<'eta' | 'queue' | 'priority' | 'input', string>>

/** Changes a job that waits; what is left empty stays as it is. */
export function ChangeDialog(props: { id: string; close: () => void; done: (job: JobDocument) => void }): JSX.Element {
  const { id, close, done } = props
  const [fields, setFields] = useState<Fields>({ eta: '', queue: '', priority: '', input: '' })
  const [refusal, setRefusal] = useState<Error>()
  const set =
    (name: keyof Fields) =>
    (value: string): void => {
      setFields({ ...fields, [name]: value })
      setRefusal(undefined)
    }
  const submit = async (changes: ChangeOptions): Promise<void> => {
    setRefusal(undefined)
    try {
      done(await client.job(id).change(changes))
    } catch (reason) {
      setRefusal(reason as Error)
    }
  }
  const barred = whyNot('change')
  return (
    <Dialog title="Change this job" close={close} size="wide">
      <p class="quiet">It is changed while it waits. Fields that are left empty stay as they are.</p>
      <Text label="Not before" type="datetime-local" value={fields.eta} change={set('eta')} />
      {barred === undefined ? (
        <>
          <Text label="Queue" value={fields.queue} change={set('queue')} />
          <Text label="Priority, 0 to 255" type="number" value={fields.priority} change={set('priority')} />
        </>
      ) : (
        <p class="quiet">Queue, priority and input: {barred}.</p>
      )}
      {/* What the server refuses is shown here, whichever field it is about. */}
      {(barred === undefined || refusal) && (
        <JsonField label="New input, as JSON" rows={12} text={fields.input} change={set('input')} refusal={refusal} />
      )}
      {refusal && fieldProblems(refusal).length === 0 && <Problem error={refusal} />}
      <footer>
        <Button onPress={close}>Cancel</Button>
        <Button onPress={() => submit({ eta: new Date() })}>Run it now</Button>
        <Button kind="primary" disabled={wrongIn(fields)} onPress={() => submit(changesOf(fields))}>
          Change
        </Button>
      </footer>
    </Dialog>
  )
}

/** Why it cannot be sent so. */
function wrongIn({ eta, queue, priority, input }: Fields): string | undefined {
  if ([eta, queue, priority, input].every((value) => value.trim() === '')) return 'Nothing is changed'
  if (priority !== '' && !/^\d+$/.test(priority)) return 'The priority is a whole number'
  if (input.trim() !== '' && jsonFault(input)) return 'The input is no JSON'
  return undefined
}

function changesOf({ eta, queue, priority, input }: Fields): ChangeOptions {
  return {
    ...(eta !== '' && { eta: new Date(eta) }),
    ...(queue.trim() !== '' && { queue: queue.trim() }),
    ...(priority !== '' && { priority: Number(priority) }),
    ...(input.trim() !== '' && { input: parse(input) }),
  }
}
