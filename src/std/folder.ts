import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Make a folder and those above it, as far as they are not there. As `mkdirSync` with `recursive`, which never returns
 * for a path below `/proc` (Node 20 to 26). Throws what `mkdirSync` throws.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  const above = dirname(path)
  if (above !== path) makeFolder(above)
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process made it meanwhile.
    if (!existsSync(path)) throw error
  }
}
