import { h } from './element.js'
import { resolve, rulesOf, sampleOf, typeOf } from './schema.js'

/**
 * The input of a task, to be filled in: by a field for each member or parameter, or as JSON. A member that is not
 * simple is a field of JSON. `read` gives the input, or throws a SyntaxError; `tell` shows what the server found wrong;
 * `changed` is called after each change.
 */
export function inputForm(document, schema, changed) {
  const sample = sampleOf(document, schema)
  const fields = fieldsOf(document, resolve(document, schema), sample)
  const area = h('textarea', {
    id: 'input-json',
    spellcheck: 'false',
    autocomplete: 'off',
    value: JSON.stringify(sample, null, 2),
    oninput: changed,
  })
  for (const { control } of fields ?? []) {
    control.addEventListener('input', changed)
    control.addEventListener('change', changed)
  }
  const positional = isPositional(resolve(document, schema))
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
      else area.value = JSON.stringify(readFields(fields, positional), null, 2)
      asJson = !asJson
      show()
      changed()
    } catch (error) {
      faults.append(faultOf(asJson ? `It stays JSON: ${error.message}` : `Not JSON: ${error.message}`))
    }
  }
  show()
  return {
    element: h('div', {}, body, faults),
    toggle: fields && toggle,
    read() {
      clear(fields, area, faults)
      return asJson ? JSON.parse(area.value) : readFields(fields, positional)
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
  const field = fields?.find((one) => one.key === name)
  if (!field) faults.append(faultOf(pointer === '#' ? detail : `${pointer}: ${detail}`))
  else field.fault.replaceChildren(faultOf(detail))
  ;(field?.control ?? area).setAttribute('aria-invalid', 'true')
}

/** The arguments in order, each with the name of its parameter. */
function isPositional(schema) {
  return schema.type === 'array' && schema.prefixItems?.length > 0
}

/** Undefined where the schema names no members: then JSON is the only form. */
function fieldsOf(document, schema, sample) {
  const positional = isPositional(schema)
  const members = positional
    ? schema.prefixItems.map((item, index) => [index, item, index < (schema.minItems ?? 0)])
    : Object.entries(schema.properties ?? {}).map(([name, member]) => [name, member, schema.required?.includes(name)])
  if (members.length === 0 || members.length > 40) return undefined
  return members.map(([key, given, must]) => {
    const member = resolve(document, given)
    const name = positional ? (member.title ?? `argument ${key + 1}`) : key
    const required = must === true && member.default === undefined
    const value = sample?.[key] ?? member.default
    return {
      ...fieldOf(name, member, kindOf(member), { required, value, type: typeOf(document, member) }),
      key: String(key),
    }
  })
}

/** `json` is for whatever a simple control cannot hold; `any` for what has no type: JSON, or a text. */
function kindOf({ type, enum: values, anyOf, oneOf }) {
  if (values?.every((value) => typeof value === 'string')) return 'choice'
  if (anyOf || oneOf || values) return 'json'
  return { string: 'text', integer: 'number', number: 'number', boolean: 'flag' }[type] ?? (type ? 'json' : 'any')
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
        : kind === 'json' || kind === 'any'
          ? h('textarea', { ...about, class: 'short', spellcheck: 'false', autocomplete: 'off', placeholder: 'JSON' })
          : h('input', { ...about, type: kind, step: member.type === 'integer' ? 1 : 'any', autocomplete: 'off' })
  const fault = h('span', {})
  const label = h(
    'label',
    { for: id },
    kind === 'flag' && control,
    name,
    required && h('span', { class: 'must' }, ' required'),
  )
  const known =
    kind === 'json' || kind === 'any'
      ? [kind === 'any' ? 'JSON or text' : `JSON: ${type}`, hint].filter(Boolean).join(' · ')
      : hint
  const words = h('span', { class: 'hint', id: `${id}-about` }, known || (kind === 'flag' ? '' : type))
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
  else if (kind === 'json' || kind === 'any')
    control.value = value === undefined ? '' : JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ')
  else control.value = value === undefined || value === null ? '' : String(value)
}

/** Throws a SyntaxError for what the form has no field for: it would be lost. */
function write(fields, input) {
  if (typeof input !== 'object' || input === null) throw new SyntaxError('expected an object or a list')
  const more = Object.keys(input).find((key) => !fields.some((field) => field.key === key))
  if (more !== undefined) throw new SyntaxError(`the form has no field for ${JSON.stringify(more)}`)
  for (const field of fields) fill(field, input?.[field.key])
}

/**
 * A field that is empty and need not be filled is left out; of arguments, those behind the last that is filled, and
 * null stands for others.
 */
function readFields(fields, positional) {
  const entries = fields.flatMap((field) => {
    const value = readField(field)
    return value === undefined ? [] : [[field.key, value]]
  })
  if (!positional) return Object.fromEntries(entries)
  const list = Array(entries.length === 0 ? 0 : Number(entries.at(-1)[0]) + 1).fill(null)
  for (const [key, value] of entries) list[Number(key)] = value
  return list
}

function readField({ name, kind, required, control }) {
  if (kind === 'flag') return control.checked || required ? control.checked : undefined
  if (control.value.trim() === '') return required && kind === 'text' ? control.value : undefined
  if (kind === 'number') return Number(control.value)
  if (kind === 'text' || kind === 'choice') return control.value
  try {
    return JSON.parse(control.value)
  } catch (error) {
    if (kind === 'any') return control.value
    control.setAttribute('aria-invalid', 'true')
    throw new SyntaxError(`${name}: ${error.message}`)
  }
}
