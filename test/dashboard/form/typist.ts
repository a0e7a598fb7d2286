import {
  addExtra,
  addItem,
  changeMember,
  chooseVariant,
  openMember,
  removeItem,
  setMember,
} from '../../../src/dashboard/form/model/edit.ts'
import type { Field, ListField, Member, ObjectField, VariantField } from '../../../src/dashboard/form/model/field.ts'
import { fitOf } from '../../../src/dashboard/form/model/fit.ts'
import { isSame, type Json, type JsonObject } from '../../../src/dashboard/form/model/json.ts'
import type { Schemas } from '../../../src/dashboard/form/model/schemas.ts'
import { jsonText } from '../../../src/dashboard/form/model/text.ts'

/** Puts a value into a form as a user does: each field by itself, what is missing added. */
export function typed(schemas: Schemas, field: Field, value: Json): Field {
  switch (field.kind) {
    case 'text':
      return { ...field, text: value as string }
    case 'number':
      return { ...field, text: String(value) }
    case 'flag':
      return { ...field, value: value as boolean }
    case 'choice':
      return { ...field, chosen: field.values.findIndex((one) => isSame(one, value)) }
    case 'json':
      return { ...field, text: jsonText(value) }
    case 'nullable':
      return value === null
        ? { ...field, isNull: true }
        : { ...field, isNull: false, inner: typed(schemas, field.inner, value) }
    case 'variant':
      return typedVariant(schemas, field, value)
    case 'object':
      return typedObject(schemas, field, value as JsonObject)
    case 'list':
      return typedList(schemas, field, value as readonly Json[])
  }
}

function typedMember(schemas: Schemas, member: Member, value: Json | undefined): Member {
  if (value === undefined) return setMember(member, undefined)
  const field = typed(schemas, openMember(schemas, member), value)
  const changed = changeMember(member, field)
  // An empty text is left out, unless the user says that it is sent.
  return changed.isSet ? changed : setMember(member, field)
}

function typedObject(schemas: Schemas, field: ObjectField, value: JsonObject): Field {
  const names = field.members.map(({ name }) => name)
  const members = field.members.map((member) =>
    typedMember(schemas, member, Object.hasOwn(value, member.name) ? value[member.name] : undefined),
  )
  let all: ObjectField = { ...field, members, extras: [] }
  for (const [name, item] of Object.entries(value).filter(([one]) => !names.includes(one))) {
    all = addExtra(schemas, all)
    const extra = all.extras.at(-1)!
    all = { ...all, extras: all.extras.with(-1, { ...extra, name, field: typed(schemas, extra.field, item) }) }
  }
  return all
}

function typedList(schemas: Schemas, field: ListField, value: readonly Json[]): Field {
  const slots = field.slots.map((slot, index) => typedMember(schemas, slot, value[index]))
  let all: ListField = { ...field, slots }
  while (all.items.length > 0) all = removeItem(all, 0)
  for (const item of value.slice(slots.length)) {
    all = addItem(schemas, all)
    const last = all.items.at(-1)!
    all = { ...all, items: all.items.with(-1, { ...last, field: typed(schemas, last.field, item) }) }
  }
  return all
}

function typedVariant(schemas: Schemas, field: VariantField, value: Json): Field {
  const fits = field.variants.map(({ schema }) => fitOf(schemas, schema, value) ?? -1)
  const all = chooseVariant(schemas, field, fits.indexOf(Math.max(...fits)))
  return { ...all, fields: all.fields.with(all.chosen, typed(schemas, all.fields[all.chosen] as Field, value)) }
}
