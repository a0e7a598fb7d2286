import type { JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { parse } from '../../../client/json.ts'
import { jsonText } from '../text/jsonText.ts'
import { visible } from '../text/outside.tsx'
import { Button } from './button.tsx'
import { type JsonFault, jsonFault } from './jsonFault.ts'

/** What a text of JSON holds; integers beyond 2^53 are bigint. An empty text holds nothing: undefined. */
export type ReadJson = { readonly value: unknown; readonly fault?: never } | { readonly fault: string }

export function readJson(text: string): ReadJson {
  if (text.trim() === '') return { value: undefined }
  try {
    return { value: parse(text) }
  } catch (error) {
    const found = jsonFault(text)
    return { fault: found ? faultWords(found) : (error as Error).message }
  }
}

export interface JsonFieldProps {
  readonly label: string
  readonly text: string
  readonly change: (text: string) => void
  /** What is expected, below the label. */
  readonly hint?: string
  /** What the server says is wrong with it. */
  readonly wrong?: string | undefined
  readonly rows?: number
  readonly readOnly?: boolean
}

/** A text of JSON: what is wrong with it is shown with its line and column while the user types. */
export function JsonField(props: JsonFieldProps): JSX.Element {
  const { label, text, change, hint, wrong, rows = 6, readOnly = false } = props
  const id = useId()
  const area = useRef<HTMLTextAreaElement>(null)
  const read = readJson(text)
  const problem = read.fault ?? wrong
  const format = (): void => {
    if (read.fault === undefined && read.value !== undefined) change(jsonText(read.value))
    area.current?.focus()
  }
  return (
    <div class="field">
      <div class="json-head">
        <label for={id}>{label}</label>
        {!readOnly && (
          <Button disabled={read.fault === undefined ? undefined : 'It is no JSON yet'} onPress={format}>
            Format
          </Button>
        )}
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
        readOnly={readOnly}
        aria-invalid={problem === undefined ? undefined : true}
        aria-describedby={hint === undefined ? `${id}-wrong` : `${id}-hint ${id}-wrong`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <span class="wrong" id={`${id}-wrong`} role="status">
        {problem}
      </span>
    </div>
  )
}

function faultWords({ line, column, expected, got }: JsonFault): string {
  return `Line ${line}, column ${column}: expected ${expected}, got ${visible(got)}`
}
