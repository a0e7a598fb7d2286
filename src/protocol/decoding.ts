import { DecodeError } from '../std/errors.ts'
import { MAX_DEPTH, MAX_DIGITS, setOwn } from './encoding.ts'
import { parsePythonJson } from './nonFinite.ts'
import { readPythonValue } from './pythonValue.ts'

/* How JSON is read that we or Celery wrote: what `encoding.ts` carries by it. */

/**
 * Read JSON text, also with Python's tokens for NaN and infinities: depth checked, bigint and typed objects restored.
 * `kept` is the item of a body that is only passed on: what JavaScript has no value for is a PythonValue in it,
 * elsewhere as far as JavaScript holds it. Throws DecodeError.
 */
export function decodePlain(text: string, kept?: number): unknown {
  const value = parsePythonJson(text, LONG_INTEGER.test(text) ? reviveInteger : undefined)
  if (text.includes('"__type__"')) return restoreBody(value, kept)
  // A value nested too deep takes at least two characters for each level.
  if (text.length > 2 * MAX_DEPTH) checkDepth(value, 0)
  return value
}

/** A run of digits that may be beyond 2^53, where a JSON number can begin. */
const LONG_INTEGER = /(?:^|[[:,\s-])\d{16}/

function reviveInteger(_key: string, value: unknown, context?: { source: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  if (!/^-?\d+$/.test(source)) return value
  if (source.length > MAX_DIGITS)
    throw new DecodeError(`integer of ${source.length} digits; at most ${MAX_DIGITS} are read`)
  return BigInt(source)
}

function tooDeep(): DecodeError {
  return new DecodeError(`nested deeper than ${MAX_DEPTH} levels`)
}

function checkDepth(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth >= MAX_DEPTH) throw tooDeep()
  if (Array.isArray(value)) for (const item of value) checkDepth(item, depth + 1)
  else for (const key of Object.keys(value)) checkDepth((value as Record<string, unknown>)[key], depth + 1)
}

function restoreBody(value: unknown, kept: number | undefined): unknown {
  if (kept === undefined || !Array.isArray(value)) return restore(value, 0, false)
  return value.map((item, at) => restore(item, 1, at === kept))
}

/** Replaces typed objects in place. */
function restore(value: unknown, depth: number, kept: boolean): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) throw tooDeep()
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restore(value[i], depth + 1, kept)
    return value
  }
  const record = value as Record<string, unknown>
  const keys = Object.keys(record)
  if (keys.length === 2 && Object.hasOwn(record, '__type__') && Object.hasOwn(record, '__value__')) {
    return restoreTyped(record.__type__, record.__value__, kept)
  }
  for (const key of keys) setOwn(record, key, restore(record[key], depth + 1, kept))
  return record
}

function restoreTyped(type: unknown, value: unknown, kept: boolean): unknown {
  const python = readPythonValue(type, value)
  if (python) return kept ? python : python.toPlain()
  if (type !== 'bytes' && type !== 'base64') throw new DecodeError(`unknown __type__ ${JSON.stringify(type)}`)
  if (typeof value !== 'string') throw new DecodeError(`__type__ ${type}: expected text as __value__`)
  return type === 'bytes' ? new TextEncoder().encode(value) : fromBase64(value)
}

function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new DecodeError('__type__ base64: not base64')
  return new Uint8Array(Buffer.from(text, 'base64'))
}
