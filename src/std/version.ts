import { readFileSync } from 'node:fs'

let own: string | undefined

/** This package's version. */
export function version(): string {
  if (own === undefined) {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    own = (JSON.parse(text) as { readonly version: string }).version
  }
  return own
}
