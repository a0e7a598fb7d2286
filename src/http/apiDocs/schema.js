import { h } from './element.js'

/** What a document says at a reference; the schema itself where it is none. */
export function resolve(document, schema, depth = 0) {
  if (typeof schema?.$ref !== 'string' || depth > 20) return schema ?? {}
  const steps = schema.$ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter((step) => step !== '')
  const at = steps.reduce(
    (place, step) => place?.[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')],
    document,
  )
  const { $ref: _, ...beside } = schema
  return { ...resolve(document, at, depth + 1), ...beside }
}

/** A schema's type in a few words: `integer`, `string[]`, `"pdf" | "html"`. */
export function typeOf(document, given, depth = 0) {
  const schema = resolve(document, given)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices && depth < 3) return [...new Set(choices.map((one) => typeOf(document, one, depth + 1)))].join(' | ')
  if (schema.type === 'array' && depth < 3) {
    const item = typeOf(document, schema.items ?? {}, depth + 1)
    if (item === 'anything') return 'array'
    return item.includes(' | ') ? `(${item})[]` : `${item}[]`
  }
  if (Array.isArray(schema.type)) return schema.type.join(' | ')
  return schema.type ?? (schema.properties ? 'object' : 'anything')
}

const RULES = {
  minimum: (value) => `at least ${value}`,
  exclusiveMinimum: (value) => `more than ${value}`,
  maximum: (value) => (value === Number.MAX_SAFE_INTEGER ? undefined : `at most ${value}`),
  exclusiveMaximum: (value) => `less than ${value}`,
  minLength: (value) => (value === 1 ? 'not empty' : `at least ${value} characters`),
  maxLength: (value) => `at most ${value} characters`,
  minItems: (value) => `at least ${value} items`,
  maxItems: (value) => `at most ${value} items`,
  format: (value) => value,
  pattern: (value) => `matches ${value}`,
  default: (value) => `default ${JSON.stringify(value)}`,
}

/** What else a value must be, for people. */
export function rulesOf(schema) {
  return (
    Object.entries(RULES)
      .filter(([name]) => schema[name] !== undefined && schema[name] !== Number.MIN_SAFE_INTEGER)
      // The format says in a word what its pattern says in a line.
      .filter(([name]) => name !== 'pattern' || (schema.format === undefined && schema.pattern.length <= 60))
      .map(([name, say]) => say(schema[name]))
      .filter((rule) => rule !== undefined)
      .join(', ')
  )
}

/**
 * A schema as a table of its members, those inside of them by their path. What is given says what it must have, what
 * comes what it may lack.
 */
export function schemaView(document, given, isInput = false) {
  const schema = resolve(document, given)
  const rows = rowsOf(document, schema, { path: '', depth: 0, isInput })
  const type = typeOf(document, schema)
  if (rows.length === 0) {
    const words = [schema.description, rulesOf(schema)].filter(Boolean).join(' · ')
    return h('p', {}, h('span', { class: 'type' }, type), words && h('span', { class: 'rules' }, words))
  }
  const head = ['Name', 'Type'].map((name) => h('th', { scope: 'col' }, name))
  return h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, rows))
}

function rowsOf(document, schema, { path, depth, isInput }) {
  if (depth > 4) return []
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const member = resolve(document, given)
    const rules = [member.description, rulesOf(member)].filter(Boolean).join(' · ')
    const must = isInput && required.has(name) && member.default === undefined
    const may = !isInput && !required.has(name)
    const row = h(
      'tr',
      {},
      h(
        'td',
        {},
        path + name,
        must && h('span', { class: 'must' }, ' required'),
        may && h('span', { class: 'may' }, ' optional'),
      ),
      h(
        'td',
        {},
        h('span', { class: 'type' }, typeOf(document, member)),
        rules && h('span', { class: 'rules' }, rules),
      ),
    )
    const item = member.type === 'array' ? resolve(document, member.items) : member
    const inner = `${path}${name}${member.type === 'array' ? '[]' : ''}.`
    return [row, ...rowsOf(document, item, { path: inner, depth: depth + 1, isInput })]
  })
}

/** A value that fits a schema: its example, its default, or the plainest there is. */
export function sampleOf(document, given, depth = 0) {
  const schema = resolve(document, given)
  if (schema.examples?.length > 0) return schema.examples[0]
  if (schema.example !== undefined) return schema.example
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  const choice = (schema.anyOf ?? schema.oneOf)?.[0]
  if (choice) return sampleOf(document, choice, depth + 1)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (schema.properties || type === 'object') return depth > 4 ? {} : sampleObject(document, schema, depth)
  if (type === 'array') return depth > 4 ? [] : sampleList(document, schema, depth)
  if (type === 'integer' || type === 'number') return sampleNumber(schema)
  if (type === 'boolean') return false
  return type === 'string' ? sampleText(schema) : null
}

function sampleList(document, { prefixItems = [], items = {}, minItems = 0 }, depth) {
  const given = prefixItems.slice(0, Math.max(minItems, 0)).map((item) => sampleOf(document, item, depth + 1))
  while (given.length < Math.min(minItems, 20)) given.push(sampleOf(document, items, depth + 1))
  return given
}

function sampleNumber({ type, minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf }) {
  const step = multipleOf ?? (type === 'integer' ? 1 : 0.5)
  const low = exclusiveMinimum === undefined ? (minimum ?? -Infinity) : exclusiveMinimum + step
  const high = exclusiveMaximum === undefined ? (maximum ?? Infinity) : exclusiveMaximum - step
  const near = Math.min(Math.max(1, low), high)
  return multipleOf === undefined ? near : Math.ceil(near / multipleOf) * multipleOf
}

const FORMATS = {
  email: () => 'ann@example.com',
  'date-time': () => `${new Date().toISOString().slice(0, 19)}Z`,
  date: () => new Date().toISOString().slice(0, 10),
  time: () => '12:00:00',
  duration: () => 'PT1H',
  uri: () => 'https://example.com/',
  hostname: () => 'example.com',
  ipv4: () => '192.0.2.1',
  ipv6: () => '2001:db8::1',
  uuid: () => '3f0c6a1e-8d2b-4c57-9a41-5b7e2f9d1c08',
}

function sampleText({ format, minLength = 0, maxLength = 20 }) {
  const known = FORMATS[format]
  if (known) return known()
  return 'example'.padEnd(Math.min(minLength, 1000), '.').slice(0, Math.max(maxLength, minLength))
}

function sampleObject(document, schema, depth) {
  const wanted = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name))
  return Object.fromEntries(wanted.map(([name, member]) => [name, sampleOf(document, member, depth + 1)]))
}
