import { hash } from 'node:crypto'
import type { KeyOption } from '../../config/onceOptions.ts'
import { encodePlain } from '../../protocol/encoding.ts'
import { write } from '../../protocol/serializer.ts'
import { ArgumentError } from '../../std/errors.ts'
import { isRecord } from '../../std/isRecord.ts'
import { shown } from '../../std/validate.ts'
import { bindCall, type Given } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'

/** Longest key, bytes of UTF-8. */
export const MAX_KEY_BYTES = 255

/** Which key is asked for. */
export interface AskedKey {
  /** The option that it belongs to, for errors, as `unique`. */
  readonly option: string
  readonly definition: TaskDefinition
  /** Undefined: all arguments. */
  readonly key: KeyOption | undefined
}

/**
 * The key of a call: text of 1 to 255 bytes. A function of an object task gets the input, one of a positional task its
 * positional arguments; keyword arguments are bound to the parameters first, where these are known. Throws
 * ArgumentError where the function throws or returns anything else, ValidationError for arguments that cannot be bound.
 */
export function keyOfCall({ option, definition, key }: AskedKey, given: Given): string {
  const where = `task ${definition.name}: ${option}: key`
  if (typeof key === 'string') return checkedKey(key, where, 'a text')
  const args = bindCall(definition, given)
  if (key === undefined) return hash('sha256', canonicalText(args), 'base64url')
  return checkedKey(called(key, args, where), where, 'a function that returns text')
}

function called(key: Exclude<KeyOption, string>, args: readonly unknown[], where: string): unknown {
  try {
    return key(...args)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new ArgumentError(`${where}: expected a function that returns text, got one that threw: ${message}`, {
      cause: error,
    })
  }
}

function checkedKey(key: unknown, where: string, expected: string): string {
  if (typeof key !== 'string' || key === '')
    throw new ArgumentError(`${where}: expected ${expected}, got ${key instanceof Promise ? 'a promise' : shown(key)}`)
  const bytes = Buffer.byteLength(key)
  if (bytes > MAX_KEY_BYTES)
    throw new ArgumentError(`${where}: expected at most ${MAX_KEY_BYTES} bytes, got ${bytes}: return a digest of it`)
  return key
}

/** The same text for the same arguments, whatever the order of their properties. */
function canonicalText(args: readonly unknown[]): string {
  // By their places, so that an argument that is left out is no null.
  return String(write(sorted(encodePlain({ ...args }, 'args')), 'json').body)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  )
}
