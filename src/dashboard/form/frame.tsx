import type { ComponentChildren, JSX } from 'preact'
import { Outside } from '../parts/text/outside.tsx'
import { controlId, useAround } from './around.ts'
import type { Field } from './model/field.ts'
import type { Path } from './model/json.ts'
import type { Schema } from './model/schema.ts'
import { rulesOf } from './model/words.ts'

/** What every field is shown with. */
export interface FieldProps<F extends Field = Field> {
  readonly field: F
  readonly path: Path
  /** Of its label. Undefined: the whole input, which needs none. */
  readonly name: string | undefined
  /** It may be left out. */
  readonly isOptional?: boolean
  /** It is left out now. */
  readonly isAbsent?: boolean
  /** Null is in place of it. */
  readonly isNull?: boolean
  /** Buttons beside the label. */
  readonly tools?: ComponentChildren
  readonly change: (field: Field) => void
  /** Leave it out. */
  readonly leave?: () => void
}

/** Texts below a control, and the attributes by which the control refers to them. */
export function useDescription({ field, path, isOptional }: FieldProps): {
  readonly id: string
  readonly wrong: string | undefined
  readonly attributes: {
    readonly id: string
    readonly 'aria-invalid': true | undefined
    readonly 'aria-describedby': string | undefined
    readonly 'aria-required': true | undefined
  }
} {
  const around = useAround()
  const id = controlId(around, path)
  const wrong = around.wrongAt(path)
  const hint = hintOf(field.schema)
  const texts = [hint !== '' && `${id}~hint`, wrong !== undefined && `${id}~wrong`].filter(Boolean).join(' ')
  return {
    id,
    wrong,
    attributes: {
      id,
      'aria-invalid': wrong !== undefined ? true : undefined,
      'aria-describedby': texts === '' ? undefined : texts,
      'aria-required': isOptional ? undefined : true,
    },
  }
}

/** Label, control, hint, and what is wrong. */
export function Frame(props: FieldProps & { children: ComponentChildren; note?: ComponentChildren }): JSX.Element {
  const { field, name, isNull, tools, children, note } = props
  const { id, wrong } = useDescription(props)
  return (
    <div class="field">
      <div class="line">
        <label for={id}>
          <Name name={name ?? 'Input'} />
          <Marks {...props} />
        </label>
        {tools}
      </div>
      {isNull ? (
        <code id={id} tabIndex={-1}>
          null
        </code>
      ) : (
        children
      )}
      {note}
      <Hint schema={field.schema} id={id} />
      <Wrong text={wrong} id={id} />
    </div>
  )
}

/** The same around several fields. The whole input has no frame. */
export function Group(props: FieldProps & { children: ComponentChildren; isShut?: boolean }): JSX.Element {
  const { field, name, isNull, tools, children, isShut } = props
  const { id, wrong, attributes } = useDescription(props)
  if (name === undefined)
    return (
      <div class="fields" id={id} tabIndex={-1}>
        <Wrong text={wrong} id={id} />
        {children}
      </div>
    )
  return (
    // biome-ignore lint/a11y/useSemanticElements: a legend cannot have buttons beside it.
    <div
      class="group"
      role="group"
      id={id}
      tabIndex={-1}
      aria-labelledby={`${id}~name`}
      aria-describedby={attributes['aria-describedby']}
    >
      <div class="line">
        <span class="name">
          <span id={`${id}~name`}>
            <Name name={name} />
          </span>
          <Marks {...props} />
        </span>
        {tools}
      </div>
      <Hint schema={field.schema} id={id} />
      <Wrong text={wrong} id={id} />
      {isNull ? <code>null</code> : !isShut && <div class="fields">{children}</div>}
    </div>
  )
}

function Name({ name }: { name: string }): JSX.Element {
  return name === '' ? <span class="quiet">no name</span> : <Outside text={name} length={120} />
}

function Marks({ field, isOptional, isAbsent }: FieldProps): JSX.Element {
  const { deprecated, readOnly } = field.schema
  return (
    <>
      {!isOptional && isOptional !== undefined && <span class="mark must"> required</span>}
      {isAbsent && <span class="mark"> optional, not set</span>}
      {deprecated && <span class="mark warn"> deprecated</span>}
      {readOnly && <span class="mark"> read-only</span>}
    </>
  )
}

const MAX_HINT = 400

/** What a field is by itself needs no word. */
const SHOWN_FORMATS = ['date', 'date-time']

function hintOf(schema: Schema): string {
  const { format, pattern: _, ...rest } = schema
  const isShown = format !== undefined && SHOWN_FORMATS.includes(format)
  return [schema.description, rulesOf(isShown ? rest : schema)].filter(Boolean).join(' · ')
}

function Hint({ schema, id }: { schema: Schema; id: string }): JSX.Element | null {
  const text = hintOf(schema)
  if (text === '') return null
  return (
    <span class="hint" id={`${id}~hint`}>
      <Outside text={text} length={MAX_HINT} />
    </span>
  )
}

function Wrong({ text, id }: { text: string | undefined; id: string }): JSX.Element | null {
  if (text === undefined) return null
  return (
    <span class="wrong" id={`${id}~wrong`}>
      <Outside text={text} length={MAX_HINT} />
    </span>
  )
}
