import { fieldOf } from './build.ts'
import {
  type Field,
  type Item,
  type ListField,
  type Member,
  nextId,
  type ObjectField,
  type VariantField,
} from './field.ts'
import type { Json } from './json.ts'
import type { Schemas } from './schemas.ts'

/* What a user does to a field; each gives another field. */

/** Nothing is in it: a member that may be left out is left out. */
export function isEmpty(field: Field): boolean {
  switch (field.kind) {
    case 'text':
    case 'number':
    case 'json':
      return field.text === ''
    case 'choice':
      return field.chosen === -1
    default:
      return false
  }
}

/** The field of a member that is about to be shown or set: the one that is kept, its default, or an empty one. */
export function openMember(schemas: Schemas, member: Member): Field {
  if (member.field) return member.field
  const { default: preset } = schemas.of(member.given)
  return fieldOf(schemas, member.given, preset)
}

/** Undefined: it is left out, and its field is kept. */
export function setMember(member: Member, field: Field | undefined): Member {
  return field ? { ...member, field, isSet: true } : { ...member, isSet: false }
}

/** What the user typed into a member. */
export function changeMember(member: Member, field: Field): Member {
  return { ...member, field, isSet: member.required || !isEmpty(field) }
}

export function withMember<F extends ObjectField | ListField>(field: F, index: number, member: Member): F {
  if (field.kind === 'object') return { ...field, members: field.members.with(index, member) }
  return { ...field, slots: field.slots.with(index, member) }
}

export function addExtra(schemas: Schemas, field: ObjectField): ObjectField {
  const given = field.others === false ? true : field.others
  return { ...field, extras: [...field.extras, { id: nextId(), name: '', field: fieldOf(schemas, given) }] }
}

export function addItem(schemas: Schemas, field: ListField): ListField {
  const given = field.others === false ? true : field.others
  return { ...field, items: [...field.items, { id: nextId(), field: fieldOf(schemas, given) }] }
}

export function removeItem(field: ListField, index: number): ListField {
  return { ...field, items: field.items.toSpliced(index, 1) }
}

export function moveItem(field: ListField, from: number, to: number): ListField {
  const item = field.items[from] as Item
  return { ...field, items: field.items.toSpliced(from, 1).toSpliced(to, 0, item) }
}

/** Another of some schemas. What was in the one before is kept. */
export function chooseVariant(schemas: Schemas, field: VariantField, chosen: number): VariantField {
  const schema = field.variants[chosen]?.schema
  if (!schema) return field
  const fields = field.fields.with(
    chosen,
    field.fields[chosen] ?? fieldOf(schemas, schema, schema.default as Json | undefined),
  )
  return { ...field, chosen, fields }
}
