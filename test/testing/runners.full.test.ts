import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type CommandEnd, command, output, shellEnv } from '../command.ts'
import { pack } from '../pack.ts'

const limit = 240_000

vi.setConfig({ testTimeout: limit, hookTimeout: 3 * limit })

const PAGE = fileURLToPath(new URL('../../docs/how-to/test-your-tasks.md', import.meta.url))
const COMMON = `const { Celeriac } = require('celeriac')
const { testApp } = require('celeriac/testing')

test('a test', async () => {
  const app = new Celeriac({ broker: 'redis://127.0.0.1:1' })
  const add = app.task('add', (a, b) => a + b)
  const t = await testApp(app)
  await add.applyAsync([1, 2], { countdown: '3d' })
  await t.advance('3d')
  expect(t.sent(add)).toMatchObject([{ state: 'SUCCESS' }])
})
`

const MODULES = { NODE_OPTIONS: '--experimental-vm-modules' }

let project = ''

/** A project with the package, Jest and Vitest, and the files of the how-to as JavaScript: `name.test.js` for each. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'celeriac-runners-'))
  const tarball = await pack(project)
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  await output('npm', ['install', ...flags, `./${tarball}`, 'jest@30', 'vitest@5', 'zod@4'], { cwd: project, limit })
  const text = await readFile(PAGE, 'utf8')
  const files = new Map(
    [...text.matchAll(/`([\w.]+)\.ts`[^`\n]*:\n\n```ts\n([\s\S]*?)^```$/gm)].map(([, name = '', code = '']) => [
      name,
      stripTypeScriptTypes(code.replaceAll('./tasks.ts', './tasks.js')),
    ]),
  )
  await writeFile(join(project, 'tasks.js'), files.get('tasks') ?? '')
  const code = files.get('tasks.test') ?? ''
  await writeFile(join(project, 'jest.test.js'), code.replace("from 'node:test'", "from '@jest/globals'"))
  await writeFile(join(project, 'vitest.spec.js'), code.replace("from 'node:test'", "from 'vitest'"))
  await writeFile(join(project, 'common.jest.cjs'), COMMON)
})

afterAll(() => rm(project, { recursive: true, force: true }))

function jest(file: string, options: Readonly<Record<string, string>>): Promise<CommandEnd> {
  const args = ['--no-install', 'jest', '--ci', '--testMatch', `**/${file}`]
  return command('npx', args, { cwd: project, env: { ...shellEnv(), ...options }, limit })
}

test('Jest runs the tests of the how-to, as ES modules', async () => {
  const { code, stderr } = await jest('jest.test.js', MODULES)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/Tests: +5 passed, 5 total/) })
  // It ends by itself: no handle is left open.
  expect(stderr).not.toContain('did not exit')
})

test('Jest runs CommonJS where it can require ES modules, which needs its flag; else it says so', async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const can = major > 24 || (major === 24 && minor >= 9)
  expect(await jest('common.jest.cjs', MODULES)).toMatchObject({
    code: can ? 0 : 1,
    stderr: expect.stringMatching(can ? /Tests: +1 passed, 1 total/ : /Must use import to load ES Module/),
  })
  expect(await jest('common.jest.cjs', {})).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Must use import to load ES Module'),
  })
})

test('Vitest runs the tests of the how-to', async () => {
  const { code, stdout } = await command('npx', ['--no-install', 'vitest', 'run', 'vitest.spec.js'], {
    cwd: project,
    env: { ...shellEnv(), NO_COLOR: '1' },
    limit,
  })
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/Tests +5 passed/) })
})
