import { type Duration, optionMilliseconds } from './duration.ts'
import { ArgumentError } from './errors.ts'
import { refuseUnknown, requireText, shown } from './validate.ts'

/*
 * A group of options is one table with a row for each option. Its interface in TypeScript, its table in the
 * documentation, the help of the command line, the list of known names, the checks and the defaults are made from the
 * rows: docs/contributing/add-an-option.md.
 */

/** The texts of a row: Markdown, with links as in a page of docs/. */
interface Words {
  /**
   * One line, without a capital letter at its beginning and a full stop at its end. Also the help of the command line.
   */
  readonly doc: string
  /** Whole sentences that follow it in the documentation. */
  readonly more?: string
  /**
   * What holds where the option is left out, in words: of an option without a fixed default, or to show instead of it.
   */
  readonly absent?: string
  /** Celery's name. */
  readonly celery?: string
}

/** A special check of a parsed value; `where` names the option. Throws ArgumentError. */
type Check<Value> = (value: Value, where: string) => void

/** A time: `Duration` for users, parsed to ms. */
interface DurationKind {
  readonly kind: 'duration'
  readonly check?: Check<number>
}

/** Values that are used as they are given. */
type PlainKind<Given> =
  /** 1 to 255 printable characters. */
  | { readonly kind: 'text' }
  /** A whole number within these bounds. `unit`: of what. */
  | { readonly kind: 'count'; readonly min: number; readonly max?: number; readonly unit?: string }
  /** True or false. Not checked, unless `check` does: other values count as JavaScript takes them. */
  | { readonly kind: 'flag'; readonly check?: Check<Given> }
  /** One of these. `expected`: what the error says in place of the quoted values. */
  | { readonly kind: 'choice'; readonly values: readonly Given[]; readonly expected?: string }
  /** Of this type in TypeScript. Not checked, unless `check` does. */
  | { readonly kind: 'value'; readonly type: string; readonly check?: Check<Given> }

/** A value that a function of its own checks and parses. */
interface ParsedKind<Given, Parsed> {
  readonly kind: 'value'
  /** In TypeScript. */
  readonly type: string
  readonly parse: (value: Given, where: string) => Parsed
}

type Kind<Given, Parsed> =
  | ParsedKind<Given, Parsed>
  | ([number] extends [Parsed] ? DurationKind : never)
  | ([Given] extends [Parsed] ? PlainKind<Given> : never)

/** An option is required, or has a default, or its parsed value may be undefined. */
type Fallback<Given, Parsed> =
  | { readonly default: Given; readonly required?: undefined }
  | { readonly default?: undefined; readonly required: true }
  | (undefined extends Parsed ? { readonly default?: undefined; readonly required?: undefined } : never)

/** An option that users give as the first type, parsed to the second. */
export type OptionRow<Given, Parsed = Given> = Words & Fallback<Given, Parsed> & Kind<Given, Parsed>

/** A row for each member of the interface that users see. `Parsed`: what `readOptions` makes of it. */
export type OptionTable<Options, Parsed = Options> = {
  readonly [Name in keyof Required<Options>]: OptionRow<
    Exclude<Options[Name], undefined>,
    Name extends keyof Parsed ? Parsed[Name] : Options[Name]
  >
}

/** A row of any table. */
export interface AnyRow extends Words {
  readonly kind: 'duration' | 'text' | 'count' | 'flag' | 'choice' | 'value'
  readonly default?: unknown
  readonly required?: true | undefined
  readonly type?: string
  readonly min?: number
  readonly max?: number
  readonly unit?: string
  readonly values?: readonly unknown[]
  readonly expected?: string
  readonly check?: (value: never, where: string) => void
  readonly parse?: (value: never, where: string) => unknown
}

type Rows = Readonly<Record<string, AnyRow>>

/**
 * All options of the table, checked and parsed: a default where none is given, times in ms. `owner` names whose options
 * they are in an error, `prefix` is put before the name of one. Throws ArgumentError.
 */
export function readOptions<Options extends object, Parsed>(
  table: OptionTable<Options, Parsed>,
  options: Options,
  owner: string,
  prefix: string = `${owner}: `,
): Parsed {
  const given = requireKnown(table, options, owner)
  const entries = Object.entries<AnyRow>(table as never).map(([name, row]) => {
    // null is wrong where there is no default.
    const value = given[name] ?? row.default ?? given[name]
    return [name, value === undefined ? undefined : parsedValue(row, value, prefix + name)]
  })
  const missing = entries.find(([name, value]) => value === undefined && (table as Rows)[name as string]?.required)
  if (missing) throw new ArgumentError(`${prefix}${missing[0]}: expected a value, got none`)
  return Object.fromEntries(entries) as Parsed
}

/** The same of the options that are given, without defaults. */
export function readGiven<Options extends object, Parsed>(
  table: OptionTable<Options, Parsed>,
  options: Options,
  owner: string,
): Parsed {
  const given = requireKnown(table, options, owner)
  const read: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    read[name] = parsedValue((table as Rows)[name] as AnyRow, value, `${owner}: ${name}`)
  }
  return read as Parsed
}

/** The options by name. Throws ArgumentError for what is no object, and for names that the table does not have. */
function requireKnown(table: object, options: object, owner: string): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${owner}: expected an object of options, got ${shown(options)}`)
  for (const name of Object.keys(options))
    if (!Object.hasOwn(table, name)) refuseUnknown(options, new Set(Object.keys(table)), owner)
  return options as Readonly<Record<string, unknown>>
}

function parsedValue(row: AnyRow, given: unknown, where: string): unknown {
  const value = row.parse ? row.parse(given as never, where) : plainValue(row, given, where)
  row.check?.(value as never, where)
  return value
}

function plainValue(row: AnyRow, value: unknown, where: string): unknown {
  if (row.kind === 'duration') return optionMilliseconds(value as Duration, where)
  if (row.kind === 'text') requireText(value, where)
  if ((row.kind === 'count' && !isCount(row, value)) || (row.kind === 'choice' && !row.values?.includes(value)))
    throw new ArgumentError(`${where}: expected ${expectedOf(row)}, got ${shown(value)}`)
  return value
}

function isCount({ min = 0, max = Number.MAX_SAFE_INTEGER }: AnyRow, value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function expectedOf({ kind, expected, values = [], min, max, unit }: AnyRow): string {
  if (expected !== undefined) return expected
  if (kind === 'count') {
    const what = unit === undefined ? 'a whole number' : `a whole number of ${unit}`
    return max === undefined ? `${what} >= ${min}` : `${what} from ${min} to ${max}`
  }
  const all = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  return [...all.slice(0, -2), all.slice(-2).join(' or ')].join(', ')
}

/** The default of an option as code, as `'30s'`; undefined where there is none. */
export function defaultCode({ default: value }: AnyRow): string | undefined {
  if (value === undefined) return undefined
  return JSON.stringify(value).replaceAll('"', "'").replaceAll(',', ', ')
}
