import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseYaml } from '@redocly/openapi-core'
import { afterAll, describe, expect, it } from 'vitest'
import { floors } from '../architecture/rules.ts'
import { command, output, shellEnv } from '../command.ts'
import { Document } from './document.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = [
  'CONTRIBUTING.md',
  'docs/internals.md',
  'docs/glossary.md',
  ...readdirSync(join(root, 'docs/contributing')).map((name) => `docs/contributing/${name}`),
]
const manifest = JSON.parse(text('package.json'))

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

const folder = mkdtempSync(join(tmpdir(), 'celeriac-contributing-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A working tree in which the reader has written the files of the page; all others are those of this repository. */
function workingTree(): string[] {
  const [suite = '', backend = '', store = '', ...more] = new Document('docs/contributing/add-a-store.md').code('ts')
  expect(more).toEqual([])
  for (const made of ['src/stores/example', 'test/backend']) mkdirSync(join(folder, made), { recursive: true })
  for (const parent of ['src', 'src/stores'])
    for (const name of readdirSync(join(root, parent)))
      if (name !== 'stores') symlinkSync(join(root, parent, name), join(folder, parent, name))
  for (const name of ['node_modules', 'package.json', 'biome.json']) symlinkSync(join(root, name), join(folder, name))
  const files = {
    'src/stores/example/backend.ts': backend,
    'src/stores/example/store.ts': store,
    'test/backend/example.test.ts': suite,
  }
  for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, name), code)
  const { compilerOptions } = JSON.parse(text('tsconfig.json'))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }))
  return Object.keys(files)
}

describe('add-a-store.md', async () => {
  const files = workingTree()

  it('compiles, and is linted and formatted as the sources are', async () => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const types = await command(process.execPath, [compiler, '-p', folder, '--pretty', 'false'])
    expect(types.stdout).toBe('')
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
    const lint = await command(process.execPath, [biome, 'check', '--vcs-enabled=false', ...files], { cwd: folder })
    expect({ code: lint.code, text: lint.code === 0 ? '' : lint.stdout + lint.stderr }).toEqual({ code: 0, text: '' })
  })

  // Its own cases: those of the suites that the page names.
  await import(join(folder, 'test/backend/example.test.ts'))
})

describe.each(PAGES)('%s', (page) => {
  it('names files, links and commands that exist', () => {
    const content = text(page).replace(/^```ts\n[\s\S]*?^```$/gm, '')
    const paths = [
      ...content.matchAll(/`((?:src|test|docs|scripts|bench|examples|deploy|\.ci|\.github)\/[^`\s]*)`/g),
    ].map(([, path = '']) => path)
    const links = [...content.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => join(page, '..', link))
    const files = paths.filter((path) => !/\bexample\b/.test(path))
    const absent = [...files, ...links].filter((path) => globSync(path, { cwd: root }).length === 0)
    expect(absent).toEqual([])
    const scripts = [...content.matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name)
    expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([])
  })
})

it('CONTRIBUTING.md has each room of src/, on its floor', () => {
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
  const expected = rooms.map((room) => [room.isDirectory() ? `${room.name}/` : room.name, floors[room.name]])
  const rows = [...text('CONTRIBUTING.md').matchAll(/^\| `([\w.]+\/?)` +\| (\d+) +\|/gm)]
  expect(new Map(rows.map(([, name, floor]) => [name, Number(floor)]))).toEqual(new Map(expected as [string, number][]))
})

it.each(PAGES.filter((page) => !page.endsWith('api-types.md')))(
  '%s has lines of at most 120 columns, but for tables',
  (page) => {
    const lines = text(page)
      .split('\n')
      .filter((line) => line.length > 120 && !line.startsWith('|'))
    expect(lines).toEqual([])
  },
)

it('the tests that the commands of run-one-suite.md run are there', () => {
  const named = new Document('docs/contributing/run-one-suite.md').rest.flatMap(
    (line) => line.match(/test\/[\w/.]+/g) ?? [],
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

describe('.github', () => {
  const yaml = (path: string): unknown => parseYaml(text(`.github/${path}`))

  it('CI runs .ci/run and nothing else, from the oldest version of Node that the package supports', () => {
    const { jobs } = yaml('workflows/ci.yml') as { jobs: Record<string, CiJob> }
    const [[, job] = [], ...others] = Object.entries(jobs)
    expect(others).toEqual([])
    expect(job?.steps.flatMap(({ run }) => run ?? [])).toEqual(['.ci/run'])
    expect(job?.strategy.matrix.node.map(String)).toEqual([manifest.engines.node.replace('>=', ''), '24', '26'])
    expect(job?.['timeout-minutes']).toBeGreaterThan(10)
  })

  it.each(['bug.yml', 'feature.yml'])('%s is a form', (name) => {
    const form = yaml(`ISSUE_TEMPLATE/${name}`) as { body: { type: string; id?: string; attributes: object }[] }
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    const asked = form.body.filter(({ type }) => type !== 'markdown')
    expect(asked.every(({ id, attributes }) => id !== undefined && 'label' in attributes)).toBe(true)
  })

  it.each([
    { env: {}, words: 'test' },
    { env: { NODE_VERSION: '22.18' }, words: 'test -- --node 22.18' },
  ])('.ci/run with $env is npm $words', async ({ env, words }) => {
    const bin = mkdtempSync(join(folder, 'bin-'))
    writeFileSync(join(bin, 'npm'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 })
    const { NODE_VERSION: _, ...own } = shellEnv()
    const printed = await output(join(root, '.ci/run'), [], { env: { ...own, ...env, PATH: `${bin}:${own.PATH}` } })
    expect(printed).toBe(`${words}\n`)
  })
})

interface CiJob {
  readonly strategy: { readonly matrix: { readonly node: readonly unknown[] } }
  readonly 'timeout-minutes': number
  readonly steps: readonly { readonly run?: string }[]
}
