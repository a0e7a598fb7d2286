import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join, posix, sep } from 'node:path'
import { type Node, type Program, parse } from 'acorn'
import { transformSync } from 'esbuild'

/** One import of a source file, types included. */
export interface Import {
  /** As it is written. */
  readonly specifier: string
  /** For relative ones: the file meant, relative to src/. */
  readonly target?: string
  /** How it is loaded: with the file, when asked for, or never. One that is used in several ways has the first of these. */
  readonly kind: 'value' | 'dynamic' | 'type'
}

/** One file of src/, parsed as far as the architecture test needs it. */
export interface Source {
  /** Relative to src/, with forward slashes. */
  readonly path: string
  readonly lines: number
  /** As it is written, comments included. */
  readonly text: string
  readonly imports: readonly Import[]
  readonly program: Program
}

/** All TypeScript files under a folder, sorted by path. */
export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /[.]tsx?$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => path.split(sep).join('/'))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(folder, path), 'utf8')))
}

/** `path` is relative to src/. Throws the parser's SyntaxError, with the path in its message. */
export function parseSource(path: string, text: string): Source {
  try {
    const script = scriptOf(path, text)
    const program = parse(script, { ecmaVersion: 'latest', sourceType: 'module', locations: true, allowHashBang: true })
    const lines = text.trimEnd().split('\n').length
    return { path, lines, text, imports: importsOf(path, program, text), program }
  } catch (error) {
    throw new SyntaxError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Types become blanks, so that every line and column stays where it was; JSX becomes calls, at other lines. */
function scriptOf(path: string, text: string): string {
  if (!path.endsWith('.tsx')) return stripTypeScriptTypes(text, { mode: 'strip' })
  return transformSync(text, { loader: 'tsx', jsx: 'automatic', jsxImportSource: 'preact', target: 'esnext' }).code
}

/** Every node below one, itself first. */
export function* nodesOf(root: Node): Generator<Node & Record<string, unknown>> {
  const node = root as Node & Record<string, unknown>
  yield node
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) yield* nodesOf(child)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function importsOf(path: string, program: Program, text: string): Import[] {
  const found = new Map<string, Import>()
  const add = (specifier: string, kind: Import['kind']) => {
    // Styles are no code.
    if (specifier.endsWith('.css')) return
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
    const known = found.get(specifier)
    if (!known || (known.kind === 'dynamic' && kind === 'value')) found.set(specifier, { specifier, target, kind })
  }
  for (const node of nodesOf(program)) {
    const source = node.source as { value?: unknown } | null | undefined
    if (typeof source?.value === 'string') add(source.value, node.type === 'ImportExpression' ? 'dynamic' : 'value')
  }
  for (const specifier of typeImports(text)) add(specifier, 'type')
  return [...found.values()]
}

/** What the parser does not see, for it vanishes with the types: `import type`, `export type` and `import('...')` in a type. */
function typeImports(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\*.*?\*\/|\/?\*.*|\/\/.*)/gm, '')
  const statements = code.matchAll(/^(?:import|export)\s+type\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm)
  const queries = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  return [...statements, ...queries].map((match) => match[1] as string)
}
