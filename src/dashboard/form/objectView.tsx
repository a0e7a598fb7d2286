import type { ComponentType, JSX } from 'preact'
import { controlId, useAround } from './around.ts'
import { type FieldProps, Group } from './frame.tsx'
import { MemberView } from './memberView.tsx'
import { addExtra, withMember } from './model/edit.ts'
import type { Extra, ObjectField } from './model/field.ts'
import { Rows } from './rows.tsx'

/** An object: its members by their names, and rows for others. */
export function ObjectView(props: FieldProps<ObjectField> & { View: ComponentType<FieldProps> }): JSX.Element {
  const { field, path, change, View, isAbsent } = props
  const { schemas } = useAround()
  return (
    <Group {...props} isShut={isAbsent === true}>
      {field.members.map((member, index) => (
        <MemberView
          key={member.name}
          member={member}
          path={[...path, member.name]}
          change={(next) => change(withMember(field, index, next))}
          View={View}
        />
      ))}
      {(field.others !== false || field.extras.length > 0) && (
        <Rows
          list={field.extras}
          path={path}
          of={props.name ?? ''}
          noun="member"
          add={field.others === false ? undefined : () => change(addExtra(schemas, field))}
          remove={(index) => change({ ...field, extras: field.extras.toSpliced(index, 1) })}
        >
          {(extra, index) => (
            <ExtraView
              {...props}
              extra={extra}
              put={(next) => change({ ...field, extras: field.extras.with(index, next) })}
            />
          )}
        </Rows>
      )}
    </Group>
  )
}

function ExtraView(
  props: FieldProps<ObjectField> & { View: ComponentType<FieldProps>; extra: Extra; put: (extra: Extra) => void },
): JSX.Element {
  const { extra, put, path, View } = props
  const around = useAround()
  const id = `${controlId(around, path)}~row${extra.id}`
  return (
    <div class="pair">
      <div class="field">
        <label for={id}>Name</label>
        <input
          id={id}
          type="text"
          autocomplete="off"
          spellcheck={false}
          value={extra.name}
          onInput={(event) => put({ ...extra, name: event.currentTarget.value })}
        />
      </div>
      <View
        field={extra.field}
        path={[...path, extra.name]}
        name="Value"
        change={(next) => put({ ...extra, field: next })}
      />
    </div>
  )
}
