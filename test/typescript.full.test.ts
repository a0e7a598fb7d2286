import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { output } from './command.ts'
import { COMMON, Consumer, MODULE, OPTIONS } from './consumer.ts'
import { pack } from './pack.ts'

const limit = 240_000

let project = ''

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'celeriac-typescript-'))
  const tarball = await pack(project)
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const compilers = ['5.4', '5.7', '5.8', '5.9'].map((version) => `typescript-${version}@npm:typescript@${version}`)
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  await output('npm', ['install', ...flags, `./${tarball}`, ...compilers], { cwd: project, limit })
})

afterAll(() => rm(project, { recursive: true, force: true }))

// A CommonJS file can import an ES module since TypeScript 5.8.
test.each([
  { version: '5.4', files: [MODULE, OPTIONS] },
  { version: '5.7', files: [MODULE, OPTIONS] },
  { version: '5.8', files: [MODULE, OPTIONS, COMMON] },
  { version: '5.9', files: [MODULE, OPTIONS, COMMON] },
])('TypeScript $version compiles $files against our declarations', async ({ version, files }) => {
  const compiler = join(project, 'node_modules', `typescript-${version}`)
  const options = { target: 'es2022', lib: ['es2023'], module: 'nodenext', exactOptionalPropertyTypes: true }
  expect(await new Consumer(project).errors(compiler, options, files)).toEqual([])
})
