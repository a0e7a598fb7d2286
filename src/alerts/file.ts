import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from '../std/errors.ts'
import type { AlertOptions } from './options.ts'

const MAX_FILE_BYTES = 1024 * 1024
/** In place of `secret` in the file. */
const SECRET_VARIABLE = 'CELERIAC_ALERT_SECRET'

/**
 * The options of alerts from a JSON file: those of `new Alerts`; the secret may be in the environment variable
 * `CELERIAC_ALERT_SECRET` instead. Rejects with ConfigError for a file that cannot be read.
 */
export async function readAlertFile(path: string, env: NodeJS.ProcessEnv = process.env): Promise<AlertOptions> {
  const options = parse(await contentOf(path), path)
  const secret = (options as Partial<AlertOptions>).secret ?? env[SECRET_VARIABLE]
  if (secret === undefined)
    throw new ConfigError(`${path}: secret: expected one, here or as the environment variable ${SECRET_VARIABLE}`)
  return { ...(options as AlertOptions), secret }
}

async function contentOf(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size <= MAX_FILE_BYTES) return await readFile(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${path}: the rules of the alerts cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  throw new ConfigError(`${path}: expected at most ${MAX_FILE_BYTES} bytes`)
}

function parse(text: string, path: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // The text may have a secret in it.
    throw new ConfigError(`${path}: expected JSON`, { cause: error instanceof SyntaxError ? undefined : error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ConfigError(`${path}: expected { "to": …, "rules": [ … ] }, got something else`)
}
