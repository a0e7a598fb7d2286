import type { ComponentType, JSX } from 'preact'
import { useAround } from './around.ts'
import { type FieldProps, Group } from './frame.tsx'
import { MemberView } from './memberView.tsx'
import { addItem, moveItem, removeItem, withMember } from './model/edit.ts'
import type { Item, ListField } from './model/field.ts'
import { Rows } from './rows.tsx'

/** A list: items that have names by their positions, and others that come, go and move. */
export function ListView(props: FieldProps<ListField> & { View: ComponentType<FieldProps> }): JSX.Element {
  const { field, path, change, View, isAbsent, name } = props
  const { schemas } = useAround()
  const begin = field.slots.length
  return (
    <Group {...props} isShut={isAbsent === true}>
      {field.slots.map((slot, index) => (
        <MemberView
          key={index}
          member={slot}
          path={[...path, index]}
          change={(next) => change(withMember(field, index, next))}
          View={View}
        />
      ))}
      {(field.others !== false || field.items.length > 0) && (
        <Rows
          list={field.items}
          path={path}
          of={name ?? ''}
          noun="item"
          add={field.others === false ? undefined : () => change(addItem(schemas, field))}
          remove={(index) => change(removeItem(field, index))}
          move={(from, to) => change(moveItem(field, from, to))}
        >
          {(item: Item, index) => (
            <View
              field={item.field}
              path={[...path, begin + index]}
              name={`${begin + index + 1}`}
              change={(next) => change({ ...field, items: field.items.with(index, { ...item, field: next }) })}
            />
          )}
        </Rows>
      )}
    </Group>
  )
}
