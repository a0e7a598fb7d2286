import type { JSX } from 'preact'
import { bytes } from '../parts/text/format.ts'
import { Outside } from '../parts/text/outside.tsx'
import { useAround } from './around.ts'

/** A longer text would freeze the page. */
const MAX_SHOWN = 1_000_000

/** The whole input as JSON. */
export function JsonArea(props: {
  text: string
  wrong: string | undefined
  change: (text: string) => void
}): JSX.Element {
  const { text, wrong, change } = props
  const { id, touch } = useAround()
  const area = `${id}#`
  if (text.length > MAX_SHOWN)
    return (
      <p class="row">
        <span>The input is {bytes(text.length)} of JSON, too long to be edited here.</span>
        <button type="button" class="button" onClick={() => change('')}>
          Replace it
        </button>
      </p>
    )
  return (
    <div class="field">
      <label for={area}>Input as JSON</label>
      <textarea
        id={area}
        class="json"
        spellcheck={false}
        autocomplete="off"
        value={text}
        aria-invalid={wrong !== undefined ? true : undefined}
        aria-describedby={wrong !== undefined ? `${area}~wrong` : undefined}
        onInput={(event) => {
          touch([])
          change(event.currentTarget.value)
        }}
      />
      {wrong !== undefined && (
        <span class="wrong" id={`${area}~wrong`}>
          <Outside text={wrong} length={400} />
        </span>
      )}
    </div>
  )
}
