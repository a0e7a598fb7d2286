import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { parse, stringify } from '../../../../client/json.ts'
import type { JobInputDocument } from '../../../../protocol/recordedDocument.ts'
import { client } from '../../../api/client.ts'
import { useResource } from '../../../api/resource.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Dialog } from '../../../parts/ask/dialog.tsx'
import { Loading } from '../../../parts/loading.tsx'
import { problemLine } from '../../../parts/problemText.ts'
import { InputEditor } from './inputEditor.tsx'
import { jsonProblem } from './jsonPlace.ts'

/** A longer input is not put into the field, characters. */
const MAX_EDITED = 1_000_000

/** Asks for another input, and submits the job once more with it. `done`: the id of the new job. */
export function RetryDialog(props: { id: string; close: () => void; done: (id: string) => void }): JSX.Element {
  const { id, close, done } = props
  const kept = useResource((signal) => client.recorded.input(id, { signal }), [id])
  const [text, setText] = useState('')
  const [refusal, setRefusal] = useState<Error>()
  const { data, error } = kept
  useEffect(() => {
    const before = data && inputText(data)
    if (before !== undefined && before.length <= MAX_EDITED) setText(before)
  }, [data])
  const submit = async (): Promise<void> => {
    setRefusal(undefined)
    try {
      done((await client.job(id).retry({ input: parse(text) })).id)
    } catch (reason) {
      setRefusal(reason as Error)
    }
  }
  const isWrong = text.trim() === '' || jsonProblem(text) !== undefined
  return (
    <Dialog title="Retry with another input" close={close} size="wide">
      {data === undefined && !error ? (
        <Loading />
      ) : (
        <>
          <p class="quiet">{hintOf(data, error)}</p>
          <InputEditor
            label="Input, as JSON"
            text={text}
            change={(value) => {
              setText(value)
              setRefusal(undefined)
            }}
            refusal={refusal}
          />
          <footer>
            <Button onPress={close}>Cancel</Button>
            <Button kind="primary" disabled={isWrong ? 'The input is no JSON' : undefined} onPress={submit}>
              Submit a new job
            </Button>
          </footer>
        </>
      )}
    </Dialog>
  )
}

/** The body that a request takes: the list of arguments, or the members of the one input. */
export function inputText({ args, kwargs }: JobInputDocument): string | undefined {
  if (Array.isArray(args) && args.length > 0) return stringify(args, 2)
  if (typeof kwargs === 'object' && kwargs !== null && Object.keys(kwargs).length > 0) return stringify(kwargs, 2)
  return Array.isArray(args) ? '[]' : undefined
}

function hintOf(data: JobInputDocument | undefined, error: Error | undefined): string {
  if (!data)
    return `What it was called with is not shown (${error ? problemLine(error) : 'not kept'}). Write all of its input.`
  if (data.concealed) return 'Parts that a codec or the option sensitive covers are shown as …: write them in full.'
  const { args, kwargs } = data
  const hasBoth = Array.isArray(args) && args.length > 0 && Object.keys((kwargs ?? {}) as object).length > 0
  if (hasBoth) return 'It also had keyword arguments, which a new input replaces, too.'
  if ((inputText(data) ?? '').length > MAX_EDITED)
    return 'Its input is too large for this field. Write all of the new one.'
  return 'A new job of the same task is submitted. This one stays as it is.'
}
