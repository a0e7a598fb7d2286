import type { JSX } from 'preact'
import { Outside } from '../parts/text/outside.tsx'
import { useAround } from './around.ts'
import { DateTime } from './dateTime.tsx'
import { type FieldProps, Frame, useDescription } from './frame.tsx'
import type { ChoiceField, FlagField, JsonField, NumberField, TextField } from './model/field.ts'
import type { Json, Path } from './model/json.ts'

/** Characters of one text that a control shows: more would freeze the page. */
const MAX_SHOWN = 200_000
const EXACT_DATE = /^\d{4}-\d\d-\d\d$/

const text = (value: Json | undefined): string | undefined =>
  value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value)

/** A change by the user, at the place where it is made. */
export function useTouch(path: Path): () => void {
  const { touch } = useAround()
  return () => touch(path)
}

/** What every control of one line has. */
const PLAIN = { autocomplete: 'off', spellcheck: false } as const

export function TextControl(props: FieldProps<TextField>): JSX.Element {
  const { field, change, path } = props
  const { attributes } = useDescription(props)
  const touch = useTouch(path)
  const { format, examples } = field.schema
  const put = (event: { currentTarget: { value: string } }): void => {
    touch()
    change({ ...field, text: event.currentTarget.value })
  }
  const own = {
    ...attributes,
    ...PLAIN,
    value: field.text,
    placeholder: text(examples?.[0])?.slice(0, 80),
    onInput: put,
  }
  if (field.text.length > MAX_SHOWN) return <TooLong {...props} />
  const isLine = format !== undefined && !/[\r\n]/.test(field.text)
  const isDate = format === 'date' && (field.text === '' || EXACT_DATE.test(field.text))
  const type = isDate ? 'date' : format === 'password' ? 'password' : 'text'
  return (
    <Frame
      {...props}
      note={
        format === 'date-time' && (
          <DateTime text={field.text} pick={(moment) => put({ currentTarget: { value: moment } })} />
        )
      }
    >
      {isLine ? <input {...own} type={type as 'text'} /> : <textarea rows={1} class="text" {...own} />}
    </Frame>
  )
}

/** The text stays as it is, until it is replaced. */
function TooLong(props: FieldProps<TextField | JsonField>): JSX.Element {
  const { field, change } = props
  return (
    <Frame {...props}>
      <p class="row">
        <span>{`A text of ${field.text.length} characters, too long to be edited here.`}</span>
        <button type="button" class="button" onClick={() => change({ ...field, text: '' })}>
          Replace it
        </button>
      </p>
    </Frame>
  )
}

export function NumberControl(props: FieldProps<NumberField>): JSX.Element {
  const { field, change, path } = props
  const { attributes } = useDescription(props)
  const touch = useTouch(path)
  const { type, examples } = field.schema
  return (
    <Frame {...props}>
      {/* Of type number it would lose digits, and change by the wheel. */}
      <input
        type="text"
        class="number"
        inputMode={type === 'integer' ? 'numeric' : 'decimal'}
        {...attributes}
        {...PLAIN}
        placeholder={text(examples?.[0])?.slice(0, 40)}
        value={field.text}
        onInput={(event) => {
          touch()
          change({ ...field, text: event.currentTarget.value })
        }}
      />
    </Frame>
  )
}

/** A box; where it may be left out, a choice of three. */
export function FlagControl(props: FieldProps<FlagField>): JSX.Element {
  const { field, change, isOptional, isAbsent, leave, path } = props
  const { attributes } = useDescription(props)
  const touch = useTouch(path)
  if (!isOptional)
    return (
      <Frame {...props}>
        <input
          type="checkbox"
          {...attributes}
          checked={field.value}
          onChange={(event) => {
            touch()
            change({ ...field, value: event.currentTarget.checked })
          }}
        />
      </Frame>
    )
  return (
    <Frame {...props} isAbsent={false}>
      <select
        {...attributes}
        value={isAbsent ? '' : String(field.value)}
        onChange={({ currentTarget: { value } }) => {
          touch()
          if (value === '') leave?.()
          else change({ ...field, value: value === 'true' })
        }}
      >
        <option value="">not set</option>
        <option value="true">true</option>
        <option value="false">false</option>
      </select>
    </Frame>
  )
}

export function ChoiceControl(props: FieldProps<ChoiceField>): JSX.Element {
  const { field, change, isOptional, isAbsent, leave, path } = props
  const { attributes } = useDescription(props)
  const touch = useTouch(path)
  const [only] = field.values
  if (field.values.length === 1 && !isOptional)
    return (
      <Frame {...props}>
        <output id={attributes.id} class="fixed">
          <Outside text={text(only) ?? ''} />
        </output>
      </Frame>
    )
  const chosen = isAbsent ? -1 : field.chosen
  return (
    <Frame {...props} isAbsent={false}>
      <select
        {...attributes}
        value={String(chosen)}
        onChange={(event) => {
          touch()
          const index = Number(event.currentTarget.value)
          if (index === -1 && leave) leave()
          else change({ ...field, chosen: index })
        }}
      >
        {(isOptional || chosen === -1) && <option value="-1">{isOptional ? 'not set' : 'Choose…'}</option>}
        {field.values.map((value, index) => (
          <option key={index} value={String(index)}>
            {optionText(value)}
          </option>
        ))}
      </select>
    </Frame>
  )
}

const MAX_OPTION = 120

/** A text as it is; what could be taken for another value in quotes. */
function optionText(value: Json): string {
  const isPlain = typeof value === 'string' && value.trim() !== '' && !/^(?:null|true|false|[\d.+-].*)$/.test(value)
  return (isPlain ? value : JSON.stringify(value)).slice(0, MAX_OPTION)
}

function jsonHint({ schema: { type } }: JsonField): string {
  if (type === undefined || [type].flat().includes('string')) return 'JSON, or a text'
  return `JSON: ${[type].flat().join(' or ')}`
}

/** Any value, as JSON; what is no JSON is a text. */
export function JsonControl(props: FieldProps<JsonField>): JSX.Element {
  const { field, change, path } = props
  const { attributes } = useDescription(props)
  const touch = useTouch(path)
  if (field.text.length > MAX_SHOWN) return <TooLong {...props} />
  return (
    <Frame
      {...props}
      note={
        <span class="hint">
          {field.isMisfit ? 'This value does not fit the schema: edit it as JSON' : jsonHint(field)}
        </span>
      }
    >
      <textarea
        rows={1}
        class="text"
        {...attributes}
        {...PLAIN}
        value={field.text}
        onInput={(event) => {
          touch()
          change({ ...field, text: event.currentTarget.value, isMisfit: false })
        }}
      />
    </Frame>
  )
}
