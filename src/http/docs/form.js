import { h } from './element.js'
import { resolve, rulesOf, sampleOf, typeOf } from './schema.js'

/**
 * The input of a task, to be filled in: by a field for each member, where the schema is an object of simple ones, or as JSON. `read` gives the input, or
 * throws a SyntaxError; `tell` shows what the server found wrong.
 */
export function inputForm(document, schema) {
  const sample = sampleOf(document, schema)
  const fields = fieldsOf(document, resolve(document, schema), sample)
  const area = h('textarea', {
    id: 'input-json',
    spellcheck: 'false',
    autocomplete: 'off',
    value: JSON.stringify(sample, null, 2),
  })
  const faults = h('div', {})
  const json = h('div', { class: 'field' }, h('label', { for: 'input-json' }, 'Input as JSON'), area)
  const body = h('div', {})
  let asJson = fields === undefined
  const toggle = h('button', { type: 'button', class: 'link', onclick: () => swap() })
  const show = () => {
    body.replaceChildren(...(asJson ? [json] : fields.map(({ element }) => element)))
    toggle.textContent = asJson ? 'Edit as form' : 'Edit as JSON'
  }
  const swap = () => {
    faults.replaceChildren()
    try {
      if (asJson) write(fields, JSON.parse(area.value))
      else area.value = JSON.stringify(readFields(fields), null, 2)
      asJson = !asJson
      show()
    } catch (error) {
      faults.append(faultOf(`Not JSON: ${error.message}`))
    }
  }
  show()
  return {
    element: h('div', {}, body, faults),
    toggle: fields && toggle,
    read() {
      clear(fields, area, faults)
      return asJson ? JSON.parse(area.value) : readFields(fields)
    },
    tell(errors) {
      for (const { pointer, detail } of errors) tell(asJson ? undefined : fields, area, faults, pointer, detail)
      body.querySelector('[aria-invalid]')?.focus()
    },
  }
}

function faultOf(text) {
  return h('span', { class: 'fault', role: 'alert' }, text)
}

function clear(fields, area, faults) {
  faults.replaceChildren()
  area.removeAttribute('aria-invalid')
  for (const { control, fault } of fields ?? []) {
    control.removeAttribute('aria-invalid')
    fault.replaceChildren()
  }
}

function tell(fields, area, faults, pointer, detail) {
  const name = decodeURIComponent(pointer.split('/')[1] ?? '')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
  const field = fields?.find((one) => one.name === name)
  if (!field) faults.append(faultOf(pointer === '#' ? detail : `${pointer}: ${detail}`))
  else field.fault.replaceChildren(faultOf(detail))
  ;(field?.control ?? area).setAttribute('aria-invalid', 'true')
}

/** Undefined where a member is not simple: then JSON is the better form. */
function fieldsOf(document, schema, sample) {
  const members = Object.entries(schema.properties ?? {})
  if (members.length === 0 || members.length > 12) return undefined
  const fields = members.map(([name, given]) => {
    const member = resolve(document, given)
    const kind = kindOf(member)
    const required = (schema.required ?? []).includes(name) && member.default === undefined
    return (
      kind &&
      fieldOf(name, member, kind, { required, value: sample?.[name] ?? member.default, type: typeOf(document, member) })
    )
  })
  return fields.every(Boolean) ? fields : undefined
}

function kindOf({ type, enum: values, anyOf, oneOf }) {
  if (values?.every((value) => typeof value === 'string')) return 'choice'
  if (anyOf || oneOf || values) return undefined
  return { string: 'text', integer: 'number', number: 'number', boolean: 'flag' }[type]
}

function fieldOf(name, member, kind, { required, value, type }) {
  const id = `input-${name}`
  const hint = [member.description, rulesOf(member)].filter(Boolean).join(' · ')
  const about = { id, name, 'aria-describedby': `${id}-about` }
  const control =
    kind === 'flag'
      ? h('input', { ...about, type: 'checkbox', checked: value === true })
      : kind === 'choice'
        ? h(
            'select',
            about,
            !required && h('option', { value: '' }, ''),
            member.enum.map((one) => h('option', { value: one }, one)),
          )
        : h('input', { ...about, type: kind, step: member.type === 'integer' ? 1 : 'any', autocomplete: 'off' })
  const fault = h('span', {})
  const label = h(
    'label',
    { for: id },
    kind === 'flag' && control,
    name,
    required && h('span', { class: 'must' }, ' required'),
  )
  const words = h('span', { class: 'hint', id: `${id}-about` }, hint || (kind === 'flag' ? '' : type))
  const element = h(
    'div',
    { class: kind === 'flag' ? 'field check' : 'field' },
    label,
    kind !== 'flag' && control,
    words,
    fault,
  )
  const field = { name, kind, required, control, fault, element }
  fill(field, value)
  return field
}

function fill({ kind, control }, value) {
  if (kind === 'flag') control.checked = value === true
  else control.value = value === undefined || value === null ? '' : String(value)
}

function write(fields, input) {
  for (const field of fields) fill(field, input?.[field.name])
}

/** A field that is empty and need not be filled is left out. */
function readFields(fields) {
  const entries = fields.flatMap(({ name, kind, required, control }) => {
    if (kind === 'flag') return control.checked || required ? [[name, control.checked]] : []
    if (control.value === '') return required && kind === 'text' ? [[name, '']] : []
    return [[name, kind === 'number' ? Number(control.value) : control.value]]
  })
  return Object.fromEntries(entries)
}
