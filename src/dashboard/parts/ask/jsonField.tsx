import type { JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { parse } from '../../../client/json.ts'
import { problemsIn } from '../fieldProblems.ts'
import { jsonText } from '../text/jsonText.ts'
import { visible } from '../text/outside.tsx'
import { Button } from './button.tsx'
import { type JsonFault, jsonFault, placeAt, type TextPlace } from './jsonFault.ts'
import { placeOfPointer } from './jsonPlace.ts'

/** What a text of JSON holds; integers beyond 2^53 are bigint. An empty text holds nothing: undefined. */
export type ReadJson = { readonly value: unknown; readonly fault?: never } | { readonly fault: JsonFault }

export function readJson(text: string): ReadJson {
  if (text.trim() === '') return { value: undefined }
  try {
    return { value: parse(text) }
  } catch (error) {
    return { fault: jsonFault(text) ?? { ...placeAt(text, 0), expected: 'JSON', got: (error as Error).message } }
  }
}

/** More are not shown. */
const MAX_WRONG = 20
const MAX_WORDS = 500

export interface JsonFieldProps {
  readonly label: string
  readonly text: string
  readonly change: (text: string) => void
  /** What is expected, below the label. */
  readonly hint?: string
  /** Why the server refused it: what that says of single values is shown, and where they are. */
  readonly refusal?: Error | undefined
  /** Pointer to the value in the document that was refused. */
  readonly at?: string
  readonly rows?: number
}

/** A text of JSON: what is wrong with it is shown with its line and column while the user types. */
export function JsonField(props: JsonFieldProps): JSX.Element {
  const { label, text, change, hint, refusal, at = '#', rows = 6 } = props
  const id = useId()
  const area = useRef<HTMLTextAreaElement>(null)
  const read = readJson(text)
  const wrong = read.fault ? [] : problemsIn(refusal, at).slice(0, MAX_WRONG)
  const format = (): void => {
    if (read.fault === undefined && read.value !== undefined) change(jsonText(read.value))
    area.current?.focus()
  }
  const goTo = (offset: number): void => {
    area.current?.focus()
    area.current?.setSelectionRange(offset, offset)
  }
  return (
    <div class="field">
      <div class="json-head">
        <label for={id}>{label}</label>
        <Button disabled={read.fault && 'It is no JSON yet'} onPress={format}>
          Format
        </Button>
      </div>
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      <textarea
        ref={area}
        id={id}
        rows={rows}
        value={text}
        spellcheck={false}
        aria-invalid={read.fault || wrong.length > 0 ? true : undefined}
        aria-describedby={hint === undefined ? `${id}-wrong` : `${id}-hint ${id}-wrong`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <div class="wrong" id={`${id}-wrong`} role="status">
        {read.fault && (
          <Wrong place={read.fault} goTo={goTo} text={`expected ${read.fault.expected}, got ${read.fault.got}`} />
        )}
        {wrong.map(({ path, pointer, detail }) => (
          <Wrong
            key={`${pointer} ${detail}`}
            place={placeOfPointer(text, path)}
            goTo={goTo}
            text={path === '' ? detail : `${path.slice(1)}: ${detail}`}
          />
        ))}
      </div>
    </div>
  )
}

function Wrong(props: { place: TextPlace; text: string; goTo: (offset: number) => void }): JSX.Element {
  const { place, text, goTo } = props
  return (
    <p>
      <button type="button" class="link" onClick={() => goTo(place.offset)}>
        Line {place.line}, column {place.column}
      </button>
      : <bdi>{visible(text.slice(0, MAX_WORDS))}</bdi>
    </p>
  )
}
