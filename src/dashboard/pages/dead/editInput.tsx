import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { DeadLetterContentDocument } from '../../../protocol/deadLetterDocument.ts'
import { client } from '../../api/client.ts'
import { go, to } from '../../app/location.ts'
import { Button } from '../../parts/ask/button.tsx'
import { JsonField, readJson } from '../../parts/ask/jsonField.tsx'
import { problemsIn } from '../../parts/fieldProblems.ts'
import { Problem } from '../../parts/problem.tsx'
import { jsonText } from '../../parts/text/jsonText.ts'
import { notify } from '../../parts/toasts.tsx'
import { redrivenWords } from './redrivePlan.ts'

/** The server shows this in place of what a task calls `sensitive`. */
const CONCEALED = '"…"'
/** A larger input is not put into a text field: it would freeze the page, characters. */
const MAX_EDITED = 500_000

/** Why its input cannot be edited here. */
export function whyNotEdited({ args, kwargs, problem }: DeadLetterContentDocument): string | undefined {
  if (args === undefined || problem !== undefined) return 'Its input cannot be read'
  if (args.length > 0 && Object.keys(kwargs ?? {}).length > 0)
    return 'It has positional and keyword arguments, and the API takes one of them'
  return jsonText(args).length + jsonText(kwargs).length > MAX_EDITED ? 'Its input is too large for a field' : undefined
}

export interface EditInputProps {
  readonly letter: DeadLetterContentDocument
  readonly saved: (letter: DeadLetterContentDocument) => void
  readonly close: () => void
}

/** Another input for its message, and then send it again. */
export function EditInput({ letter, saved, close }: EditInputProps): JSX.Element {
  const { id, args = [], kwargs = {} } = letter
  const [text, setText] = useState(() => jsonText(Object.keys(kwargs).length > 0 ? kwargs : args))
  const [error, setError] = useState<Error>()
  const section = useRef<HTMLElement>(null)
  useEffect(() => section.current?.querySelector('textarea')?.focus(), [])
  const read = readJson(text)
  const press = async (isSent: boolean): Promise<void> => {
    setError(undefined)
    try {
      saved(await client.deadLetters.edit(id, read.fault === undefined ? read.value : undefined))
      if (isSent) notify(redrivenWords(await client.deadLetters.redrive(id)))
      else notify('The input is saved')
    } catch (thrown) {
      setError(thrown as Error)
      return
    }
    close()
    if (isSent) go(to(['jobs', id]))
  }
  const reason = whyNotSaved(text, read)
  return (
    <section ref={section} class="card confirm" aria-label="Edit the input">
      <JsonField
        label="Input"
        hint="An array: positional arguments. An object: the input, or keyword arguments."
        rows={Math.min(24, Math.max(6, text.split('\n').length))}
        text={text}
        change={setText}
        refusal={error}
      />
      {text.includes(CONCEALED) && (
        <p class="notice">
          {CONCEALED} is where the server hides a sensitive value: write the value there, it is not kept by itself.
        </p>
      )}
      {error && problemsIn(error, '#').length === 0 && <Problem error={error} />}
      <div class="row">
        <Button kind="primary" disabled={reason} onPress={() => press(true)}>
          Save and redrive
        </Button>
        <Button disabled={reason} onPress={() => press(false)}>
          Save
        </Button>
        <Button onPress={close}>Cancel</Button>
      </div>
    </section>
  )
}

function whyNotSaved(text: string, read: ReturnType<typeof readJson>): string | undefined {
  if (read.fault !== undefined) return 'The input is no JSON yet'
  if (read.value === undefined) return 'Write the input first'
  return text.includes(CONCEALED) ? 'Write the hidden values first' : undefined
}
