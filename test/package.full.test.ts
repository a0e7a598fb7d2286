import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { output } from './command.ts'
import { COMMON, Consumer, MODULE, modules, OPTIONS } from './consumer.ts'
import { pack } from './pack.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const compiler = join(root, 'node_modules', 'typescript')

/** Packing builds first, and installing asks the registry. */
const limit = 240_000

describe('the package in an empty project', () => {
  let project = ''

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'celeriac-package-'))
    const tarball = await pack(project)
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
    const flags = ['--prefer-offline', '--no-audit', '--no-fund']
    await output('npm', ['install', ...flags, `./${tarball}`], { cwd: project, limit })
  }, 2 * limit)

  afterAll(() => rm(project, { recursive: true, force: true }))

  test('holds what is built, and neither sources nor tests', async () => {
    const files = await readdir(join(project, 'node_modules', 'celeriac'))
    expect(files.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'examples', 'package.json'])
  })

  test('holds what its README links to', async () => {
    const folder = join(project, 'node_modules', 'celeriac')
    const links = [...(await readFile(join(folder, 'README.md'), 'utf8')).matchAll(/\]\((?!https?:)([^)#]+)/g)]
    expect(links.length).toBeGreaterThan(30)
    const names = (await readdir(folder, { recursive: true })) as string[]
    expect(links.map(([, link = '']) => link).filter((link) => !names.includes(link))).toEqual([])
  })

  test('holds the pages at /dashboard and /docs, and the files that they name', async () => {
    const folder = join(project, 'node_modules', 'celeriac', 'dist', 'dashboard')
    const names = await readdir(folder)
    for (const page of ['index.html', 'docs.html']) {
      const html = await readFile(join(folder, page), 'utf8')
      const files = [...html.matchAll(/(?:src|href)="(?:dashboard|docs)[/]([^"]+)"/g)].map(([, name = '']) => name)
      expect(files).toHaveLength(2)
      expect(names).toEqual(expect.arrayContaining(files))
    }
  })

  test('npx celeriac --help', async () => {
    expect(await output('npx', ['--no-install', 'celeriac', '--help'], { cwd: project })).toContain('Usage: celeriac')
  })

  test.each(modules)('import %s', async (name) => {
    const script = `console.log(Object.keys(await import('${name}')).length)`
    expect(
      Number(await output(process.execPath, ['--input-type=module', '-e', script], { cwd: project })),
    ).toBeGreaterThan(0)
  })

  test('import celeriac/package.json', async () => {
    const script = `import json from 'celeriac/package.json' with { type: 'json' }; console.log(json.version)`
    expect(await output(process.execPath, ['--input-type=module', '-e', script], { cwd: project })).toBe(
      `${manifest.version}\n`,
    )
  })

  test.each([
    { title: 'moduleResolution nodenext', options: { module: 'nodenext' }, files: [MODULE] },
    { title: 'moduleResolution bundler', options: { module: 'preserve' }, files: [MODULE] },
    {
      title: 'exactOptionalPropertyTypes, without the DOM, from a CommonJS file',
      options: { module: 'nodenext', lib: ['es2024'], exactOptionalPropertyTypes: true },
      files: [MODULE, COMMON, OPTIONS],
    },
  ])('types compile without the peers and without skipLibCheck: $title', async ({ options, files }) => {
    const compilerOptions = { target: 'es2024', ...options }
    expect(await new Consumer(project).errors(compiler, compilerOptions, files)).toEqual([])
  })
})
