import type { ComponentType, JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { controlId, useAround } from './around.ts'
import type { FieldProps } from './frame.tsx'
import { shallowField } from './model/build.ts'
import { changeMember, openMember, setMember } from './model/edit.ts'
import type { Field, Member } from './model/field.ts'
import type { Path } from './model/json.ts'
import { Small } from './small.tsx'

/** A part of an object, or of a list, that has a name: it may be left out where it is not required. */
export function MemberView(props: {
  member: Member
  path: Path
  change: (member: Member) => void
  View: ComponentType<FieldProps>
}): JSX.Element {
  const { member, path, change, View } = props
  const around = useAround()
  const empty = useMemo(() => shallowField(around.schemas, member.given), [around.schemas, member.given])
  const isAbsent = !member.isSet || !member.field
  const field = isAbsent ? empty : (member.field ?? empty)
  const focusLater = (): void => {
    requestAnimationFrame(() => document.getElementById(controlId(around, path))?.focus())
  }
  const set = (): void => {
    around.touch(path)
    change(setMember(member, openMember(around.schemas, member)))
    focusLater()
  }
  const leave = (): void => {
    around.touch(path)
    change(setMember(member, undefined))
  }
  const canSet = isAbsent && isOpened(field)
  const canLeave = !isAbsent && !member.required && (isOpened(field) || isKept(field))
  return (
    <View
      field={field}
      path={path}
      name={member.name}
      isOptional={!member.required}
      isAbsent={isAbsent}
      change={(next) => change(changeMember(member, next))}
      leave={leave}
      tools={
        <>
          {canSet && (
            <Small of={member.name} press={set}>
              {field.kind === 'text' ? 'Send empty' : 'Set'}
            </Small>
          )}
          {canLeave && (
            <Small of={member.name} press={leave}>
              Leave out
            </Small>
          )}
        </>
      }
    />
  )
}

/** It has no control that is empty, by which it could be set. */
function isOpened(field: Field): boolean {
  if (field.kind === 'nullable') return isOpened(field.inner)
  if (field.kind === 'text') return field.text === '' && !field.schema.minLength && field.schema.format === undefined
  return field.kind === 'object' || field.kind === 'list' || field.kind === 'variant'
}

/** Null, or a fixed value: there is nothing to empty. */
function isKept(field: Field): boolean {
  return field.kind === 'nullable' || (field.kind === 'choice' && field.values.length === 1)
}
