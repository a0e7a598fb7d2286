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

/** As `celeriac 0.1.0`: the package in a folder. */
export function versionIn(folder: string): string {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
  return `${name} ${version}`
}
