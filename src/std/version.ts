import { readFileSync } from 'node:fs'

let own: string | undefined

/** This package's version; `unknown` in a bundle, which has no `package.json` of ours. */
export function version(): string {
  own ??= read()
  return own
}

function read(): string {
  try {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const { name, version: found } = JSON.parse(text) as { readonly name: string; readonly version: string }
    return name === 'celeriac' ? found : 'unknown'
  } catch {
    return 'unknown'
  }
}
