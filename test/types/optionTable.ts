// Checked by the compiler: a table has a row for each option of its interface, and each row makes what the parsed options say.

import type { Duration } from '../../src/std/duration.ts'
import type { OptionTable } from '../../src/std/optionTable.ts'

interface Options {
  every?: Duration | undefined
  size?: number | undefined
}

interface Parsed {
  readonly every: number
  readonly size: number | undefined
}

type Table = OptionTable<Options, Parsed>

const every: Table['every'] = { kind: 'duration', default: '1s', doc: 'time between two' }
const size: Table['size'] = { kind: 'count', min: 1, absent: 'any', doc: 'how many' }

export const whole: Table = { every, size }

// @ts-expect-error an option without a row
export const less: Table = { every }

// @ts-expect-error a row without an option
export const more: Table = { every, size, weight: { kind: 'text', doc: 'how heavy' } }

// @ts-expect-error the parsed value is never undefined, and there is no default
export const noDefault: Table['every'] = { kind: 'duration', absent: 'none', doc: 'time between two' }

// @ts-expect-error the parsed value is a number, and text would stay text
export const unparsed: Table['every'] = { kind: 'text', default: '1s', doc: 'time between two' }

// @ts-expect-error a default of another type
export const wrongDefault: Table['size'] = { kind: 'count', min: 1, default: '5', doc: 'how many' }

export const parsed: Table['every'] = {
  kind: 'value',
  type: 'Duration',
  default: 1,
  // @ts-expect-error it makes text
  parse: String,
  doc: 'time between two',
}
