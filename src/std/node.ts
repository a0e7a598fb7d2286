/** The oldest Node that will do: as `engines` in package.json. */
const MIN_NODE_VERSION = [22, 18] as const

/** What to say where Node is too old: it would fail later, and say less. Undefined where it will do. */
export function nodeProblem(running: string): string | undefined {
  const [major = 0, minor = 0] = running.split('.').map(Number)
  const [least, leastMinor] = MIN_NODE_VERSION
  if (major > least || (major === least && minor >= leastMinor)) return undefined
  return `expected Node ${least}.${leastMinor} or newer, got ${running}`
}

/** Throws where this process's Node is too old. Called by the modules that applications import, as they are loaded. */
export function requireNode(): void {
  const problem = nodeProblem(process.versions.node)
  if (problem !== undefined) throw new Error(`celeriac: ${problem}`)
}
