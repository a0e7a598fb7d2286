import type { Json } from '../form/model/json.ts'

/** A call, as a program or a shell makes it. */
export interface CallLine {
  readonly task: string
  /** Undefined: not complete yet. */
  readonly input: Json | undefined
  /** Celery's arguments, for any task by its name, in place of `input`. */
  readonly any?: { readonly args: readonly Json[]; readonly kwargs: Readonly<Record<string, Json>> } | undefined
  readonly options: CallSettings
  /** A file in place of the input. */
  readonly file?: { readonly name: string; readonly type: string; readonly asForm: boolean } | undefined
}

/** What a call has beside its input. */
export interface CallSettings {
  readonly tags?: readonly string[] | undefined
  readonly webhook?: string | undefined
  readonly idempotencyKey?: string | undefined
  readonly queue?: string | undefined
  /** ISO 8601. */
  readonly eta?: string | undefined
  /** Seconds. */
  readonly countdown?: number | undefined
  readonly priority?: number | undefined
}

/** What could change how the text around it is read, or is not seen. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** JSON in one line, as each shell and program reads it; characters that are not seen are escaped. */
export function jsonOf(value: Json, write: Writer = JSON_WRITER): string {
  if (Array.isArray(value)) return `[${value.map((item) => jsonOf(item, write)).join(write.comma)}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, item]) => `${write.key(name)}${write.colon}${jsonOf(item, write)}`,
    )
    return members.length === 0 ? '{}' : `{${write.pad}${members.join(write.comma)}${write.pad}}`
  }
  if (typeof value === 'string') return write.text(value)
  if (typeof value === 'bigint') return write.long(value)
  return write.word(value as number | boolean | null)
}

/** How a language writes values. */
export interface Writer {
  readonly comma: string
  readonly colon: string
  readonly pad: string
  readonly key: (name: string) => string
  readonly text: (text: string) => string
  readonly long: (value: bigint) => string
  readonly word: (value: number | boolean | null) => string
}

/** A text in double quotes, with escapes that JSON and JavaScript have. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(UNSEEN, (character) =>
    Array.from({ length: character.length }, (_, index) => escaped(character.charCodeAt(index))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

export const JSON_WRITER: Writer = {
  comma: ',',
  colon: ':',
  pad: '',
  key: quoted,
  text: quoted,
  long: String,
  word: (value) => JSON.stringify(value),
}

const NAME = /^[A-Za-z_$][\w$]*$/

const SCRIPT_WRITER: Writer = {
  ...JSON_WRITER,
  comma: ', ',
  colon: ': ',
  pad: ' ',
  // Without brackets it would be the prototype.
  key: (name) => (name === '__proto__' ? '["__proto__"]' : NAME.test(name) ? name : singleQuoted(name)),
  text: singleQuoted,
  long: (value) => `${value}n`,
}

/** As the house writes TypeScript. */
function singleQuoted(text: string): string {
  const inner = quoted(text).slice(1, -1)
  return text.includes("'") ? `"${inner}"` : `'${inner.replaceAll('\\"', '"')}'`
}

/** Of Python: outside of the basic plane an escape has eight digits. */
const PYTHON_WRITER: Writer = {
  ...JSON_WRITER,
  comma: ', ',
  colon: ': ',
  text: pythonText,
  key: pythonText,
  word: (value) => (value === null ? 'None' : value === true ? 'True' : value === false ? 'False' : String(value)),
}

function pythonText(text: string): string {
  return JSON.stringify(text).replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : escaped(code)
  })
}

/** In place of an input that is not complete. */
const OPEN = '…'

/** A call of the REST API, as a POSIX shell reads it. `url`: of the task. */
export function curlLine(url: string, call: CallLine, { authorized = false } = {}): string {
  const { options, any } = call
  const body = any ? ({ args: any.args, kwargs: any.kwargs } as Json) : call.input
  const headers = [
    ...(options.idempotencyKey ? [`idempotency-key: "${options.idempotencyKey.replace(/["\\]/g, '\\$&')}"`] : []),
    ...(options.webhook ? [`celeriac-webhook: ${options.webhook}`] : []),
  ]
  const parts = [
    `curl -i ${shellQuoted(url + queryText(call))}`,
    ...(authorized ? ['-H "authorization: Bearer $TOKEN"'] : []),
    ...headers.map((header) => `-H ${shellQuoted(header)}`),
    ...(call.file ? fileParts(call.file) : [`--json ${body === undefined ? OPEN : shellQuoted(jsonOf(body))}`]),
  ]
  return parts.join(' \\\n  ')
}

function fileParts({ name, type, asForm }: NonNullable<CallLine['file']>): readonly string[] {
  const place = shellQuoted(`@${name}`)
  return asForm ? [`-F file=${place}`] : [`-H ${shellQuoted(`content-type: ${type}`)}`, `--data-binary ${place}`]
}

/** The options of a call that are in its URL. */
export function queryText({ any, options }: CallLine): string {
  const query = new URLSearchParams((options.tags ?? []).map((tag): [string, string] => ['tag', tag]))
  if (any) query.set('call', 'true')
  for (const name of ['queue', 'eta', 'countdown', 'priority'] as const)
    if (options[name] !== undefined) query.set(name, String(options[name]))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}

/** Of the client in `celeriac/client`. What only admins may set is in calls of any task. */
export function typeScriptLine({ task, input, any, options }: CallLine): string {
  const write = (value: Json): string => jsonOf(value, SCRIPT_WRITER)
  const { eta, countdown, priority, queue, tags, webhook, idempotencyKey } = options
  const isAny = any !== undefined || [eta, countdown, priority, queue].some((option) => option !== undefined)
  const given = { tags, webhook, idempotencyKey, queue, countdown, priority }
  const members = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${write(value as Json)}`],
  )
  if (eta !== undefined) members.push(`eta: new Date(${write(eta)})`)
  const more = members.length > 0 ? `, { ${members.join(', ')} }` : ''
  const call = any ?? (Array.isArray(input) ? { args: input } : { kwargs: input as Json })
  const body = input === undefined && !any ? OPEN : write(isAny ? (call as Json) : (input as Json))
  return `const job = await client.${isAny ? 'callAny' : 'submit'}(${write(task)}, ${body}${more})`
}

/** Of an app of Celery for Python on the same broker. */
export function pythonLine({ task, input, any, options }: CallLine): string {
  const write = (value: Json): string => jsonOf(value, PYTHON_WRITER)
  const isList = Array.isArray(input)
  const args = any ? any.args : isList ? input : []
  const kwargs = any ? any.kwargs : isList ? {} : input
  const { eta, countdown, priority, queue } = options
  const parts = [
    write(task),
    ...(args.length > 0 ? [`args=${write(args)}`] : []),
    ...(kwargs === undefined
      ? [`kwargs=${OPEN}`]
      : Object.keys(kwargs as object).length > 0
        ? [`kwargs=${write(kwargs as Json)}`]
        : []),
    ...Object.entries({ queue, countdown, priority }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${write(value)}`],
    ),
    ...(eta === undefined ? [] : [`eta=datetime.fromisoformat(${write(eta.replace(/z$/i, '+00:00'))})`]),
  ]
  return `job = app.send_task(${parts.join(', ')})`
}

/** As a shell reads it: nothing in single quotes means anything but the quote. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
