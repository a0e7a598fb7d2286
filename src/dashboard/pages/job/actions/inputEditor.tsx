import type { JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import { ProblemError } from '../../../../client/problem.ts'
import { Problem } from '../../../parts/problem.tsx'
import { visible } from '../../../parts/text/outside.tsx'
import { jsonProblem, placeOfPointer, type TextPlace } from './jsonPlace.ts'

/** What the server found in an input. */
interface Found {
  readonly pointer: string
  readonly detail: string
  readonly place: TextPlace
}

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
  const wrong = text.trim() === '' ? undefined : jsonProblem(text)
  const found = wrong ? [] : foundIn(refusal, text)
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
        {wrong && <Place place={wrong.place} goTo={goTo} text={wrong.detail} />}
        {found.map(({ pointer, detail, place }) => (
          <Place key={`${pointer} ${detail}`} place={place} goTo={goTo} text={`${pointerText(pointer)}${detail}`} />
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

function pointerText(pointer: string): string {
  const path = pointer.replace(/^#\/?/, '')
  return path === '' ? '' : `${path}: `
}

/** The entries of a problem that say which part of the input they are about. */
function foundIn(refusal: Error | undefined, text: string): readonly Found[] {
  const errors: unknown = refusal instanceof ProblemError ? refusal.problem.errors : undefined
  if (!Array.isArray(errors)) return []
  return errors.slice(0, MAX_FOUND).flatMap((entry: unknown) => {
    const { pointer, detail } = (entry ?? {}) as Record<string, unknown>
    if (typeof pointer !== 'string' || typeof detail !== 'string') return []
    return [{ pointer, detail, place: placeOfPointer(text, pointer) }]
  })
}

const MAX_FOUND = 20
