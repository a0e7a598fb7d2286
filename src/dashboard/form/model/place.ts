import type { Field } from './field.ts'
import type { Path } from './json.ts'

/** The name of a part for people, as `address.city`, `tags 2`; arguments by their parameters. */
export function nameOf(root: Field, path: Path): string {
  let field: Field | undefined = root
  let name = ''
  for (const step of path) {
    const inner = innerOf(field)
    const slot = inner?.kind === 'list' ? inner.slots[Number(step)] : undefined
    if (slot) name = joined(name, slot.name)
    else if (inner?.kind === 'list') name = `${name} ${Number(step) + 1}`.trim()
    else name = joined(name, String(step))
    field = stepInto(inner, step)
  }
  return name
}

function joined(name: string, given: string): string {
  const step = given === '' ? '""' : given
  return name === '' ? step : `${name}.${step}`
}

function innerOf(field: Field | undefined): Field | undefined {
  if (field?.kind === 'nullable') return innerOf(field.inner)
  return field?.kind === 'variant' ? innerOf(field.fields[field.chosen]) : field
}

function stepInto(field: Field | undefined, step: string | number): Field | undefined {
  if (field?.kind === 'object')
    return (field.members.find(({ name }) => name === step) ?? field.extras.find(({ name }) => name === step))?.field
  if (field?.kind !== 'list') return undefined
  const index = Number(step)
  return index < field.slots.length ? field.slots[index]?.field : field.items[index - field.slots.length]?.field
}
