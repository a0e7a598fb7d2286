import { hash } from 'node:crypto'
import type { KeyOption } from '../../config/task/onceOptions.ts'
import { encodePlain } from '../../protocol/encoding.ts'
import { write } from '../../protocol/serializer.ts'
import { isRecord } from '../../std/isRecord.ts'
import { bindCall, type Given } from '../../tasks/bind.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { checkedKey, keyOf } from '../../tasks/limits/keyOf.ts'

/** Which key is asked for. */
export interface AskedKey {
  /** The option that it belongs to, for errors, as `unique`. */
  readonly option: string
  readonly definition: TaskDefinition
  /** Undefined: all arguments. */
  readonly key: KeyOption | undefined
}

/** The key of a call: as `keyOf`, or of all its arguments. Throws as `keyOf`. */
export function keyOfCall({ option, definition, key }: AskedKey, given: Given): string {
  const where = `task ${definition.name}: ${option}: key`
  if (typeof key === 'string') return checkedKey(key, where, 'a text')
  if (key === undefined) return hash('sha256', canonicalText(bindCall(definition, given)), 'base64url')
  return keyOf(definition, option, key, given)
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
