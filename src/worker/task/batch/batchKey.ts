import { ArgumentError } from '../../../std/errors.ts'
import { asError } from '../../../std/thrown.ts'
import { shown } from '../../../std/validate.ts'
import { bindCall, checkArguments } from '../../../tasks/bind.ts'
import { isOutdated, upgraded } from '../../../tasks/version.ts'
import type { Request } from '../request.ts'

const MAX_KEY_BYTES = 255

/**
 * The key of a request: '' of a task without keys. Undefined where its input is wrong, so that no key can be asked for.
 * Rejects with ArgumentError where the task's function throws or returns no key.
 */
export async function batchKeyOf({ definition, job }: Request): Promise<string | undefined> {
  const { name, options } = definition
  const key = options.batch?.key as ((input: unknown) => unknown) | undefined
  if (!key) return ''
  let input: unknown
  try {
    const call = isOutdated(job, options) ? await upgraded(job, definition) : job
    const checked = await checkArguments(definition, bindCall(definition, call))
    input = checked[0]
  } catch {
    // Its run finds the same, and fails with it.
    return undefined
  }
  return requireKey(keyFrom(key, input, name), name)
}

function keyFrom(key: (input: unknown) => unknown, input: unknown, task: string): unknown {
  try {
    return key(input)
  } catch (error) {
    throw new ArgumentError(`task ${task}: batch.key: expected a key, got an error: ${asError(error).message}`, {
      cause: error,
    })
  }
}

function requireKey(key: unknown, task: string): string {
  if (typeof key === 'string' && Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  const got = typeof key === 'string' ? `${Buffer.byteLength(key)} bytes` : shown(key)
  throw new ArgumentError(`task ${task}: batch.key: expected text of at most ${MAX_KEY_BYTES} bytes, got ${got}`)
}
