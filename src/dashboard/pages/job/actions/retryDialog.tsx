import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { RetryOptions } from '../../../../client/handle.ts'
import { parse, stringify } from '../../../../client/json.ts'
import type { JobInputDocument } from '../../../../protocol/recordedDocument.ts'
import { client } from '../../../api/client.ts'
import { can } from '../../../app/session.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Dialog } from '../../../parts/ask/dialog.tsx'
import { jsonFault } from '../../../parts/ask/jsonFault.ts'
import { JsonField } from '../../../parts/ask/jsonField.tsx'
import { fieldProblems } from '../../../parts/fieldProblems.ts'
import { Loading } from '../../../parts/loading.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { type KnownInput, Texts } from '../input.tsx'
import type { KnownJob } from '../model.ts'

/** A longer input is not put into the field, characters. */
const MAX_EDITED = 1_000_000

/** Asks for another input, and submits the job once more with it. `done`: the id of the new job. */
export function RetryDialog(props: {
  id: string
  known: KnownJob
  input: KnownInput
  close: () => void
  done: (id: string) => void
}): JSX.Element {
  const { id, known, close, done } = props
  const { data, error, isLoading } = props.input
  const [text, setText] = useState('')
  const [refusal, setRefusal] = useState<Error>()
  const isLoaded = data !== undefined || !isLoading
  // Arguments of both kinds, and those of which nothing is known, are written as Celery has them, where that is allowed.
  const isCall = isLoaded && can('callAny') && (!data || hasBoth(data))
  useEffect(() => {
    const before = data && (isCall ? stringify({ args: data.args, kwargs: data.kwargs }, 2) : inputText(data))
    if (before !== undefined && before.length <= MAX_EDITED) setText(before)
    else if (isCall) setText(stringify({ args: [], kwargs: {} }, 2))
  }, [data, isCall])
  const submit = async (): Promise<void> => {
    setRefusal(undefined)
    try {
      const input = parse(text)
      done((await client.job(id).retry(isCall ? { call: input as RetryOptions['call'] } : { input })).id)
    } catch (reason) {
      setRefusal(reason as Error)
    }
  }
  const isWrong = text.trim() === '' || jsonFault(text) !== undefined
  return (
    <Dialog title="Retry with another input" close={close} size="wide">
      {isLoaded ? (
        <>
          <p class="quiet">{hintOf(data, error, isCall)}</p>
          {!data && <Texts known={known} />}
          <JsonField
            rows={12}
            label={isCall ? 'Arguments, as JSON with args and kwargs' : 'Input, as JSON'}
            text={text}
            change={(value) => {
              setText(value)
              setRefusal(undefined)
            }}
            refusal={refusal}
          />
          {refusal && fieldProblems(refusal).length === 0 && <Problem error={refusal} />}
          <footer>
            <Button onPress={close}>Cancel</Button>
            <Button kind="primary" disabled={isWrong ? 'The input is no JSON' : undefined} onPress={submit}>
              Submit a new job
            </Button>
          </footer>
        </>
      ) : (
        <Loading />
      )}
    </Dialog>
  )
}

function hasBoth({ args, kwargs }: JobInputDocument): boolean {
  return Array.isArray(args) && args.length > 0 && Object.keys((kwargs ?? {}) as object).length > 0
}

/** The body that a request takes: the list of arguments, or the members of the one input. */
export function inputText({ args, kwargs }: JobInputDocument): string | undefined {
  if (Array.isArray(args) && args.length > 0) return stringify(args, 2)
  if (typeof kwargs === 'object' && kwargs !== null && Object.keys(kwargs).length > 0) return stringify(kwargs, 2)
  return Array.isArray(args) ? '[]' : undefined
}

function hintOf(data: JobInputDocument | undefined, error: Error | undefined, isCall: boolean): string {
  if (!data)
    return `What it was called with is not shown (${error?.message ?? 'it is not kept'}). Write all of its input.`
  if (data.concealed) return 'Parts that a codec or the option sensitive covers are shown as …: write them in full.'
  if (hasBoth(data) && !isCall) return 'It also had keyword arguments, which a new input replaces, too.'
  if ((inputText(data) ?? '').length > MAX_EDITED)
    return 'Its input is too large for this field. Write all of the new one.'
  return 'A new job of the same task is submitted. This one stays as it is.'
}
