import { inspect } from 'node:util'
import { createLogger } from '../src/std/log.ts'

/** Every text in which a secret could be read again. */
export function traces(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const json = JSON.stringify(secret).slice(1, -1)
  const forms = [secret, encodeURI(secret), encodeURIComponent(secret), json, inspect(secret).slice(1, -1)]
  return [...forms, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')]
}

/** All that is printed of an error: its words, those of its causes, its fields, and its line in a log. */
export function printed(error: unknown): string[] {
  const lines: string[] = []
  createLogger('info', { write: (line) => void lines.push(line) }).error({ err: error }, 'failed')
  return [String(error), inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), ...lines]
}
