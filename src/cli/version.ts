import { readFileSync } from 'node:fs'

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
}

/** This package's version. */
export function version(): string {
  return manifest().version
}

/** What to say where Node is older than this package needs: it would fail later, and say less. Undefined where it will do. */
export function nodeProblem(running: string = process.versions.node): string | undefined {
  const needed = manifest().engines.node.replace('>=', '')
  const [major = 0, minor = 0] = running.split('.').map(Number)
  const [least = 0, leastMinor = 0] = needed.split('.').map(Number)
  if (major > least || (major === least && minor >= leastMinor)) return undefined
  return `expected Node ${needed} or newer, got ${running}`
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest
}
