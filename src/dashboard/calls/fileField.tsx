import type { JSX } from 'preact'
import { useId } from 'preact/hooks'

/** A file in place of the input, for tasks that take bytes. */
export function FileField(props: { types: readonly string[]; choose: (file: File | undefined) => void }): JSX.Element {
  const { types, choose } = props
  const id = useId()
  return (
    <div class="field">
      <label for={id}>File</label>
      <input
        id={id}
        type="file"
        accept={types.filter((type) => !isForm(type)).join(',')}
        aria-describedby={`${id}-about`}
        onChange={(event) => choose(event.currentTarget.files?.[0])}
      />
      <span class="hint" id={`${id}-about`}>
        In place of the input above: {types.join(', ')}
      </span>
    </div>
  )
}

/** A file is sent as part of a form only where the task takes nothing else. */
export function takesForms(types: readonly string[]): boolean {
  return types.length > 0 && types.every(isForm)
}

function isForm(type: string): boolean {
  return type.startsWith('multipart/')
}
