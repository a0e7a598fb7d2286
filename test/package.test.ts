import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, output } from './command.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const names = Object.keys(manifest.exports).map((subpath) => subpath.replace('.', 'celeriac'))
const modules = names.filter((name) => !name.endsWith('.json'))

/** Packing builds first, and installing asks the registry. */
const limit = 240_000

describe('the package in an empty project', () => {
  let project = ''

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'celeriac-package-'))
    await output('npm', ['pack', '--pack-destination', project], { cwd: root, limit })
    const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz')) as string
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

  test('holds the page at /docs', async () => {
    const names = await readdir(join(project, 'node_modules', 'celeriac', 'dist', 'http', 'docs'))
    expect(names.sort()).toEqual((await readdir(join(root, 'src', 'http', 'docs'))).sort())
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
    { moduleResolution: 'nodenext', module: 'nodenext' },
    { moduleResolution: 'bundler', module: 'preserve' },
  ])('types resolve under moduleResolution $moduleResolution', async (options) => {
    const compilerOptions = {
      ...options,
      target: 'es2024',
      strict: true,
      noEmit: true,
      typeRoots: [join(root, 'node_modules', '@types')],
      types: ['node'],
    }
    await writeFile(join(project, 'consumer.ts'), consumer)
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    expect(await typeErrors(project)).toEqual([])
  })
})

/** Fails to compile when a subpath has no types, or when a task's types do not reach its caller. */
const consumer = `
import { Celeriac } from 'celeriac'
${modules.map((name, index) => `import * as module${index} from '${name}'`).join('\n')}

type IsAny<T> = 0 extends 1 & T ? true : false
export const typed: false[] = [${modules.map((_, index) => `false as IsAny<typeof module${index}>`).join(', ')}]

const app = new Celeriac()
const add = app.task('add', (x: number, y: number) => x + y)
export async function call(): Promise<number> {
  // @ts-expect-error the second argument is missing
  await add.delay(1)
  // @ts-expect-error the first argument is no number
  await add.delay('1', 2)
  const result = await add.delay(1, 2)
  return await result.get({ timeout: 1000 })
}
`

/** The compiler's complaints about the consumer and about our declarations; those about other packages are not ours. */
async function typeErrors(project: string): Promise<string[]> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { code, stdout, stderr } = await command(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], {
    cwd: project,
  })
  if (code !== 0 && !/error TS\d+/.test(stdout)) throw new Error(`tsc: exit code ${code}\n${stdout}${stderr}`)
  const lines = stdout.split('\n').filter((line) => /error TS\d+/.test(line))
  return lines.filter((line) => !/^(?:\.\.\/.*)?node_modules\/(?!celeriac\/)/.test(line))
}
