import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  circles,
  clientProblems,
  clockProblems,
  dashboardProblems,
  faceProblems,
  floorProblems,
  folderProblems,
  packageProblems,
  patternProblems,
  protocolProblems,
  publicProblems,
  sizeProblems,
  statementProblems,
  targetProblems,
  wordProblems,
} from './architecture/rules.ts'
import { parseSource, readSources } from './architecture/source.ts'

const root = new URL('..', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))

describe('src/', () => {
  const sources = readSources(fileURLToPath(new URL('src', root)))

  test('imports only go down the floors', () => expect(floorProblems(sources)).toEqual([]))
  test('http and cli use public classes, worker a WorkerApp', () => expect(publicProblems(sources)).toEqual([]))
  test('app, beat and worker know nothing of webhooks', () => expect(wordProblems(sources)).toEqual([]))
  test('imports name files, not folders or ourselves', () => expect(targetProblems(sources)).toEqual([]))
  test('no imports form a circle, types included', () => expect(circles(sources)).toEqual([]))
  test('no text becomes a regular expression', () => expect(patternProblems(sources)).toEqual([]))
  test('statements have no numbered parameters', () => expect(statementProblems(sources)).toEqual([]))
  test('protocol has no input, output, timers or clock', () => expect(protocolProblems(sources)).toEqual([]))
  test('moments are read from the clock of the app', () => expect(clockProblems(sources)).toEqual([]))
  test('packages are declared, store clients loaded on demand', () =>
    expect(packageProblems(sources, declared)).toEqual([]))
  test('the client is for browsers: of other folders it takes types alone', () =>
    expect(clientProblems(sources)).toEqual([]))
  test('the pages take the client, and types of documents', () => expect(dashboardProblems(sources)).toEqual([]))
  test('index.ts only re-exports', () => expect(faceProblems(sources)).toEqual([]))
  test('folders have at most 18 files, but for the long lists', () => expect(folderProblems(sources)).toEqual([]))
  test('files have at most 400 lines, functions 60', () => expect(sizeProblems(sources)).toEqual([]))
})

describe('tests', () => {
  const folders = ['test', 'examples']
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
      .map((name) => `${folder}/${name}`),
  )
  const texts = files.map((name) => ({ name, text: readFileSync(new URL(name, root), 'utf8') }))
  const naming = (pattern: RegExp): string[] => texts.filter(({ text }) => pattern.test(text)).map(({ name }) => name)

  // What it does must block: it is a task that no event loop can end.
  test('run no child process synchronously: it would block the runner, and its limits', () =>
    expect(naming(/\b(?:spawn|exec|execFile)Sync[(]/)).toEqual(['test/worker/pool/childTasks.ts']))

  test('are not repeated when they fail', () => {
    const configs = readdirSync(root).filter((name) => /^vitest.*[.]ts$/.test(name))
    expect(configs.length).toBeGreaterThan(1)
    for (const name of configs) expect(readFileSync(new URL(name, root), 'utf8')).not.toMatch(/retry/)
    expect(naming(/^ *(?:it|test|describe)\b.*[{] retry: \d/m)).toEqual([])
  })
})

describe('package.json', () => {
  const subpaths = Object.entries(manifest.exports as Record<string, string | Record<string, string>>)

  test.each(subpaths.filter(([, entry]) => typeof entry !== 'string'))('%s maps to a source file', (_, entry) => {
    const { source = '', types, default: main } = entry as Record<string, string>
    expect(existsSync(new URL(source, root)), `${source} exists`).toBe(true)
    const built = source.replace('./src/', './dist/')
    expect({ types, main }).toEqual({ types: built.replace(/\.ts$/, '.d.ts'), main: built.replace(/\.ts$/, '.js') })
  })

  test('bin maps to a source file that starts with node', () => {
    const source = manifest.bin.celeriac.replace('dist/', 'src/').replace(/\.js$/, '.ts')
    expect(readFileSync(new URL(source, root), 'utf8')).toMatch(/^#!\/usr\/bin\/env .*\bnode\b/)
  })
})

describe('the rules find', () => {
  const files = (texts: Record<string, string>) => Object.entries(texts).map(([path, text]) => parseSource(path, text))

  test('a numbered parameter of SQL', () => {
    const sources = files({ 'stores/sqlite/a.ts': `export const a = ['= ?', \`id = \${'?'} = ?2\`]\n` })
    expect(statementProblems(sources)).toEqual(['stores/sqlite/a.ts:1: a numbered parameter'])
  })

  test('an import that goes up, with both names', () => {
    const sources = files({ 'broker/a.ts': `import type { B } from '../app/b.ts'\nexport type A = B\n` })
    expect(floorProblems(sources)).toEqual(['broker/a.ts (floor 3) imports app/b.ts (floor 12)'])
  })

  test.each([
    ['worker/a.ts', '../http/b.ts'],
    ['worker/a.ts', '../telemetry/b.ts'],
    ['config/a.ts', '../tasks/b.ts'],
    ['stores/a.ts', '../config/b.ts'],
    ['http/a.ts', '../worker/b.ts'],
    ['app/a.ts', '../worker/b.ts'],
    ['worker/a.ts', '../cli/b.ts'],
    ['worker/a.ts', '../testing/b.ts'],
    ['cli/a.ts', '../testing/b.ts'],
    ['index.ts', './worker/b.ts'],
    ['celeriac.ts', './worker/b.ts'],
    ['beat/a.ts', '../control/b.ts'],
  ])('%s importing %s, in every way of writing it', (path, target) => {
    const ways = [
      `import '${target}'`,
      `import { b } from '${target}'`,
      `import {\n  type B,\n  b,\n} from '${target}'`,
      `import type { B } from '${target}'`,
      `import type {\n  B,\n  C,\n} from '${target}'`,
      `export { b } from '${target}'`,
      `export type { B } from '${target}'`,
      `export * from '${target}'`,
      `export const b = await import('${target}')`,
      `export type B = import('${target}').B`,
      `export const f = (b: typeof import('${target}')): unknown => b`,
    ]
    for (const way of ways) expect(floorProblems(files({ [path]: way })), way).toHaveLength(1)
  })

  test('no fault in what may be', () => {
    const sources = files({
      'index.ts': `export { Celeriac } from './celeriac.ts'\nexport type { Api } from './http/api.ts'\n`,
      'celeriac.ts': `import type { Api } from './http/api.ts'\nexport class Celeriac { api?: Api }\n`,
      'http/api.ts': `/** import('../worker/x.ts') */\n// import '../worker/x.ts'\nexport type { Id as Api } from '../std/id.ts'\n`,
      'std/id.ts': `import { randomUUID } from 'node:crypto'\nexport type Id = string\nexport const id = (): Id => randomUUID()\n`,
    })
    const rules = [
      floorProblems,
      targetProblems,
      circles,
      protocolProblems,
      faceProblems,
      sizeProblems,
      folderProblems,
      clockProblems,
      patternProblems,
      publicProblems,
      wordProblems,
    ]
    for (const rule of rules) expect(rule(sources), rule.name).toEqual([])
    expect(packageProblems(sources, new Set())).toEqual([])
  })

  test('a folder without a floor', () => {
    expect(floorProblems(files({ 'utils/a.ts': '' }))).toEqual(['utils/a.ts: utils has no floor'])
  })

  test('a circle, also of types', () => {
    const sources = files({
      'std/a.ts': `import { b } from './b.ts'\nexport const a = b\n`,
      'std/b.ts': `import { c } from './c.ts'\nexport const b = c\n`,
      'std/c.ts': `import type { a } from './a.ts'\nexport const c = 1 as unknown as typeof a\n`,
    })
    expect(circles(sources)).toEqual(['std/a.ts -> std/b.ts -> std/c.ts -> std/a.ts'])
  })

  test('an import of a folder, of a missing file, of ourselves; a barrel', () => {
    const sources = files({ 'std/a.ts': `import '../app'\nimport './b.ts'\nimport 'celeriac'\n`, 'std/index.ts': '' })
    expect(targetProblems(sources)).toHaveLength(4)
  })

  test('a clock or timer in protocol, and input and output behind it', () => {
    const sources = files({
      'protocol/a.ts': `import '../std/b.ts'\nexport const t = [Date.now(), new Date(), setTimeout(() => {}, 1)]\n`,
      'protocol/pure.ts': `export const t = (text: string): Date => new Date(text)\n`,
      'std/b.ts': `import { readFileSync } from 'fs'\nimport 'node:timers/promises'\nexport const b = readFileSync\n`,
    })
    expect(protocolProblems(sources)).toEqual([
      'protocol/a.ts:2: Date.now() in protocol',
      'protocol/a.ts:2: new Date() in protocol',
      'protocol/a.ts:2: setTimeout in protocol',
      'std/b.ts: protocol reaches fs',
      'std/b.ts: protocol reaches node:timers/promises',
    ])
  })

  test('a moment that is not read from the clock of the app', () => {
    const text = `export const t = [Date.now(), new Date(), Date(), [].map(Date.now), new Date(5), Date.parse('')]\n`
    const system = `import { systemClock } from '../std/clock.ts'\nexport const now = systemClock.now()\n`
    const sources = files({
      'calls/a.ts': text,
      'std/clock.ts': text,
      'client/a.ts': text,
      'testing/suites/a.ts': text,
    })
    expect(clockProblems(sources)).toEqual(
      ['Date.now()', 'new Date()', 'Date()', 'Date.now()'].map(
        (way) => `calls/a.ts:1: ${way}, past the clock of the app`,
      ),
    )
    expect(clockProblems(files({ 'http/a.ts': system, 'stores/a.ts': system }))).toEqual([
      'http/a.ts:1: systemClock, past the clock of the app',
    ])
  })

  test('an undeclared package, and a store client that every user would load', () => {
    const text = `import '@a/b/c'\nimport 'd/e'\nimport 'ioredis'\nimport type { Client } from 'redis'\nexport const p = import('pg')\n`
    const declared = new Set(['ioredis', 'redis', 'pg', 'd'])
    expect(packageProblems(files({ 'broker/a.ts': text }), declared)).toEqual([
      'broker/a.ts imports @a/b, which is no dependency',
      'broker/a.ts imports ioredis statically',
    ])
  })

  test('what a browser does not get, in the client', () => {
    const text = `import 'node:fs'\nimport type { A } from '../app/a.ts'\nimport { b } from '../std/b.ts'\nimport { c } from './c.ts'\nimport 'zod'\n`
    expect(clientProblems(files({ 'client/a.ts': text }))).toHaveLength(3)
    expect(clientProblems(files({ 'http/a.ts': text }))).toEqual([])
  })

  test('a text that becomes a regular expression', () => {
    const made = 'new RegExp(A), RegExp(`^$' + '{A}$`), new RegExp(`^$' + '{text}$`), RegExp(text)'
    const text = `const A = "a"\nexport const p = (text: string) => [${made}]\n`
    expect(patternProblems(files({ 'std/a.ts': text }))).toEqual([
      'std/a.ts:2: a regular expression that is not made of constants',
      'std/a.ts:2: a regular expression that is not made of constants',
    ])
  })

  test('code in index.ts', () => {
    const text = `export { a } from './a.ts'\nexport * from './b.ts'\nexport const c = 1\nimport './d.ts'\n`
    expect(faceProblems(files({ 'index.ts': text }))).toHaveLength(2)
  })

  test('a folder of too many files, not counting those of its own folders', () => {
    const many = (folder: string) => Array.from({ length: 19 }, (_, at) => [`${folder}/file${at}.ts`, ''])
    const sources = files(Object.fromEntries([...many('http/input'), ...many('http').slice(1), ...many('cli')]))
    expect(folderProblems(sources)).toEqual(['http/input: 19 files (at most 18)'])
  })

  test('what a folder does without, though it lies below', () => {
    const sources = files({ 'http/a.ts': `import type { B } from '../worker/b.ts'\nexport type A = B\n` })
    expect(floorProblems(sources)).toEqual(['http/a.ts imports worker/b.ts: http does without worker'])
  })

  test('an import past the public classes', () => {
    const sources = files({
      'http/a.ts': `import { internalsOf } from '../app/internals.ts'\nimport type { App } from '../app/app.ts'\n`,
      'cli/a.ts': `export const b = await import('../worker/state.ts')\nimport { uuid } from '../std/id.ts'\n`,
      'worker/a.ts': `import type { App } from '../app/app.ts'\nimport { internalsOf } from '../app/internals.ts'\n`,
      'worker/worker.ts': `import type { App } from '../app/app.ts'\n`,
    })
    expect(publicProblems(sources)).toEqual([
      'http/a.ts imports app/internals.ts: http uses public classes only',
      'cli/a.ts imports worker/state.ts: cli uses public classes only',
      'worker/a.ts imports app/app.ts: only worker/worker.ts does',
    ])
  })

  test('a word that the folder does not know, also in a comment', () => {
    const text = `// no hook here\nexport const sendWebhook = 1\n/* a webhook */\n`
    expect(wordProblems(files({ 'worker/task/a.ts': text, 'webhook/a.ts': text }))).toEqual([
      'worker/task/a.ts:2: the word Webhook',
      'worker/task/a.ts:3: the word webhook',
    ])
  })

  test('a long file and a long function', () => {
    const sources = files({
      'std/file.ts': '// line\n'.repeat(401),
      'std/fits.ts': `export function fits(): void {\n${'  // line\n'.repeat(58)}}\n`,
      'std/long.ts': `export class A {\n  run(): void {\n${'    // line\n'.repeat(59)}  }\n}\n`,
    })
    expect(sizeProblems(sources)).toEqual([
      'std/file.ts: 401 lines (at most 400)',
      'std/long.ts:2: a function of 61 lines (at most 60)',
    ])
  })
})
