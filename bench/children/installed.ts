import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** As `bullmq 6.7.0, ioredis 6.0.0`: what npm has installed in a folder. */
export function versionsOf(folder: string, names: readonly string[]): string {
  return names
    .map((name) => {
      const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
      return `${name} ${(JSON.parse(text) as { version: string }).version}`
    })
    .join(', ')
}
