import type { Json } from './json.ts'
import type { AnySchema, Schema } from './schema.ts'
import type { Variant } from './variants.ts'

/** A part of a form: what it shows, and what the user has put there. Plain data, and never changed: see edit.ts. */
export type Field =
  | TextField
  | NumberField
  | FlagField
  | ChoiceField
  | ObjectField
  | ListField
  | VariantField
  | NullableField
  | JsonField

interface Base {
  /** Resolved. */
  readonly schema: Schema
}

export interface TextField extends Base {
  readonly kind: 'text'
  readonly text: string
}

/** A number as its digits, so that none is lost. */
export interface NumberField extends Base {
  readonly kind: 'number'
  readonly text: string
}

export interface FlagField extends Base {
  readonly kind: 'flag'
  readonly value: boolean
}

/** One of some values. */
export interface ChoiceField extends Base {
  readonly kind: 'choice'
  readonly values: readonly Json[]
  /** -1: none yet. */
  readonly chosen: number
}

/** A member of an object, or one of the items at the beginning of a list that have schemas of their own. */
export interface Member {
  readonly name: string
  readonly given: AnySchema
  readonly required: boolean
  /** What is not set is left out; its field is kept. */
  readonly isSet: boolean
  /** Made when it is needed: a schema may contain itself. */
  readonly field: Field | undefined
}

/** A member whose name the schema does not have. */
export interface Extra {
  readonly id: number
  readonly name: string
  readonly field: Field
}

export interface ObjectField extends Base {
  readonly kind: 'object'
  readonly members: readonly Member[]
  readonly extras: readonly Extra[]
  /** Of members with other names; false where there are none. */
  readonly others: AnySchema
}

export interface Item {
  readonly id: number
  readonly field: Field
}

export interface ListField extends Base {
  readonly kind: 'list'
  /** By their positions. */
  readonly slots: readonly Member[]
  readonly items: readonly Item[]
  /** Of the items behind the slots; false where there are none. */
  readonly others: AnySchema
}

/** One of some schemas. What was put into another is kept. */
export interface VariantField extends Base {
  readonly kind: 'variant'
  readonly variants: readonly Variant[]
  readonly chosen: number
  readonly fields: readonly (Field | undefined)[]
}

export interface NullableField extends Base {
  readonly kind: 'nullable'
  readonly isNull: boolean
  readonly inner: Field
}

export interface JsonField extends Base {
  readonly kind: 'json'
  readonly text: string
  /** The schema wants something else than what is here. */
  readonly isMisfit: boolean
}

let count = 0

/** A number for a row, so that it stays the same row when others move. */
export function nextId(): number {
  count += 1
  return count
}
