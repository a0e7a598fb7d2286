import { resolve } from 'node:path'
import { ConfigError } from '../../std/errors.ts'

/** The URL of a file, by its absolute path: only necessary characters are escaped, so that people can read it. */
export function sqliteUrl(path: string): string {
  return `sqlite:${path.replace(/[%?]/g, encodeURIComponent)}`
}

/**
 * The file of a `sqlite:` URL: `sqlite:path`, relative to the working directory, or `sqlite:///absolute/path`. Throws
 * ConfigError.
 */
export function sqlitePath(url: string): string {
  const given = url.replace(/^sqlite:(\/\/(?=\/))?/, '')
  const path = given.includes('?') ? undefined : decodePath(given)
  if (path === undefined || path === '' || path.startsWith('//') || path === ':memory:') {
    throw new ConfigError(
      `broker URL: expected sqlite:path or sqlite:///absolute/path, got ${url} (for a store in memory: memory:)`,
    )
  }
  return resolve(path)
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
