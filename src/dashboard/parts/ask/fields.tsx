import type { JSX } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly change: (value: string) => void
  readonly hint?: string
  /** What is wrong with it, in place of the hint. */
  readonly wrong?: string | undefined
}

export interface TextProps extends FieldProps {
  readonly type?: 'text' | 'number' | 'datetime-local'
  readonly placeholder?: string
  /** Words to choose from; others may be typed. */
  readonly suggestions?: readonly string[] | undefined
}

export function Text(props: TextProps): JSX.Element {
  const { label, value, change, hint, wrong, type = 'text', placeholder, suggestions } = props
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type={type as 'text'}
        step={type === 'datetime-local' ? 1 : undefined}
        value={value}
        placeholder={placeholder}
        list={suggestions && `${id}-list`}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={wrong === undefined ? undefined : true}
        aria-describedby={wrong !== undefined ? `${id}-wrong` : hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      {wrong !== undefined ? (
        <span class="wrong" id={`${id}-wrong`}>
          {wrong}
        </span>
      ) : (
        hint !== undefined && (
          <span class="hint" id={`${id}-hint`}>
            {hint}
          </span>
        )
      )}
    </div>
  )
}

export interface ChoiceProps extends FieldProps {
  readonly of: readonly (readonly [value: string, words: string])[]
}

export function Choice({ label, value, change, hint, of }: ChoiceProps): JSX.Element {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => change(event.currentTarget.value)}>
        {of.map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
      {hint !== undefined && <span class="hint">{hint}</span>}
    </div>
  )
}
