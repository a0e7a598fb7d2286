import type { KeyFunction } from '../../config/limitOptions.ts'
import { MAX_LIMIT_NAME_BYTES } from '../../protocol/limits.ts'
import { ArgumentError } from '../../std/errors.ts'
import { asError } from '../../std/thrown.ts'
import { shown } from '../../std/validate.ts'
import { bindCall, type Given } from '../bind.ts'
import type { TaskDefinition } from '../definition.ts'

/**
 * The key of a call, by the function of an option of its task: text of at most 255 bytes. Throws ArgumentError for
 * anything else, and for a function that throws; ValidationError for arguments that cannot be those of the task.
 */
export function keyOf(definition: TaskDefinition, option: string, key: KeyFunction, given: Given): string {
  const where = `task ${definition.name}: ${option}: key`
  const found = called(where, key, bindCall(definition, given))
  if (typeof found !== 'string') throw new ArgumentError(`${where}: expected text, got ${shown(found)}`)
  const bytes = Buffer.byteLength(found)
  if (bytes > MAX_LIMIT_NAME_BYTES)
    throw new ArgumentError(`${where}: expected at most ${MAX_LIMIT_NAME_BYTES} bytes, got ${bytes}`)
  return found
}

function called(where: string, key: KeyFunction, args: readonly unknown[]): unknown {
  try {
    return key(...args)
  } catch (error) {
    throw new ArgumentError(`${where}: expected text, and the function threw: ${asError(error).message}`, {
      cause: error,
    })
  }
}
