import type { JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { jsonFault, type TextPlace } from '../../../parts/ask/jsonFault.ts'
import { type FieldProblem, fieldProblems } from '../../../parts/fieldProblems.ts'
import { Problem } from '../../../parts/problem.tsx'
import { visible } from '../../../parts/text/outside.tsx'
import { placeOfPointer } from './jsonPlace.ts'

const MAX_FOUND = 20

export interface InputEditorProps {
  /** JSON, as the user writes it. */
  readonly text: string
  readonly change: (text: string) => void
  /** Why the server refused the last one. */
  readonly refusal: Error | undefined
  readonly label: string
}

/** The input of a job as JSON, with what is wrong with it, and where. */
export function InputEditor({ text, change, refusal, label }: InputEditorProps): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  const wrong = text.trim() === '' ? undefined : jsonFault(text)
  const found = wrong ? [] : fieldProblems(refusal).slice(0, MAX_FOUND)
  const goTo = ({ offset }: TextPlace): void => {
    field.current?.focus()
    field.current?.setSelectionRange(offset, offset)
  }
  return (
    <div class="field job-input">
      <label for={id}>{label}</label>
      <textarea
        ref={field}
        id={id}
        rows={12}
        spellcheck={false}
        value={text}
        aria-invalid={wrong || found.length > 0 ? true : undefined}
        aria-describedby={`${id}-wrong`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <div id={`${id}-wrong`} class="wrong" aria-live="polite">
        {wrong && <Place place={wrong} goTo={goTo} text={`expected ${wrong.expected}, got ${wrong.got}`} />}
        {found.map((one) => (
          <Place
            key={`${one.pointer} ${one.detail}`}
            place={placeOfPointer(text, one.pointer)}
            goTo={goTo}
            text={problemText(one)}
          />
        ))}
      </div>
      {refusal && found.length === 0 && !wrong && <Problem error={refusal} />}
    </div>
  )
}

function Place(props: { place: TextPlace; text: string; goTo: (place: TextPlace) => void }): JSX.Element {
  const { place, text, goTo } = props
  return (
    <p>
      <button type="button" class="link" onClick={() => goTo(place)}>
        Line {place.line}, column {place.column}
      </button>
      : <bdi>{visible(text.slice(0, 500))}</bdi>
    </p>
  )
}

function problemText({ pointer, detail }: FieldProblem): string {
  const path = pointer.replace(/^#\/?/, '')
  return path === '' ? detail : `${path}: ${detail}`
}
