import type { JSX } from 'preact'
import { controlId, useAround } from './around.ts'
import { ChoiceControl, FlagControl, JsonControl, NumberControl, TextControl } from './controls.tsx'
import { type FieldProps, Group } from './frame.tsx'
import { ListView } from './listView.tsx'
import { chooseVariant } from './model/edit.ts'
import type { Field, NullableField, VariantField } from './model/field.ts'
import { ObjectView } from './objectView.tsx'

/** One field of a form, with all that is in it. */
export function FieldView(props: FieldProps): JSX.Element {
  const { field } = props
  switch (field.kind) {
    case 'text':
      return <TextControl {...props} field={field} />
    case 'number':
      return <NumberControl {...props} field={field} />
    case 'flag':
      return <FlagControl {...props} field={field} />
    case 'choice':
      return <ChoiceControl {...props} field={field} />
    case 'json':
      return <JsonControl {...props} field={field} />
    case 'object':
      return <ObjectView {...props} field={field} View={FieldView} />
    case 'list':
      return <ListView {...props} field={field} View={FieldView} />
    case 'nullable':
      return <NullableView {...props} field={field} />
    case 'variant':
      return <VariantView {...props} field={field} />
  }
}

/** A box for null, and the field of all other values, which is kept meanwhile. */
function NullableView(props: FieldProps<NullableField>): JSX.Element {
  const { field, change, tools, isAbsent, name, path } = props
  const { touch } = useAround()
  const box = (
    <label class="choice">
      <input
        type="checkbox"
        checked={field.isNull && !isAbsent}
        onChange={(event) => {
          touch(path)
          change({ ...field, isNull: event.currentTarget.checked })
        }}
      />
      null<span class="unseen"> in place of {name ?? 'the input'}</span>
    </label>
  )
  return (
    <>
      {name === undefined && box}
      {!(name === undefined && field.isNull) && (
        <FieldView
          {...props}
          field={field.inner}
          isNull={field.isNull && !isAbsent}
          tools={
            name !== undefined && (
              <>
                {box}
                {tools}
              </>
            )
          }
          change={(inner) => change({ ...field, inner, isNull: false })}
        />
      )}
    </>
  )
}

/** A choice of what it may be, and the field of the one that is chosen. */
function VariantView(props: FieldProps<VariantField>): JSX.Element {
  const { field, change, path, name, isAbsent } = props
  const around = useAround()
  const inner = field.fields[field.chosen]
  const id = `${controlId(around, path)}~variant`
  return (
    <Group {...props} isShut={isAbsent === true}>
      <div class="row">
        <label class="choice quiet" for={id}>
          Variant<span class="unseen"> of {name ?? 'the input'}</span>
        </label>
        <select
          id={id}
          value={String(field.chosen)}
          onChange={(event) => {
            around.touch(path)
            change(chooseVariant(around.schemas, field, Number(event.currentTarget.value)))
          }}
        >
          {field.variants.map(({ title }, index) => (
            <option key={title} value={String(index)}>
              {title.slice(0, 120)}
            </option>
          ))}
        </select>
      </div>
      {inner && (
        <FieldView
          key={field.chosen}
          field={inner}
          path={path}
          name={isBare(inner.kind) ? undefined : 'Value'}
          change={(next) => change({ ...field, fields: field.fields.with(field.chosen, next) })}
        />
      )}
      {!inner && (
        <button
          type="button"
          class="button small"
          onClick={() => change(chooseVariant(around.schemas, field, field.chosen))}
        >
          Open
        </button>
      )}
    </Group>
  )
}

function isBare(kind: Field['kind']): boolean {
  return kind === 'object' || kind === 'list'
}
