import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CommandEnd, command, output, shellEnv } from './command.ts'

const scripts = fileURLToPath(new URL('../scripts', import.meta.url))
const env = shellEnv({
  npm_config_update_notifier: 'false',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
})
const REPOSITORY = { repository: 'github:a/b', bugs: 'https://localhost/bugs', homepage: 'https://localhost/' }
const MANIFEST = {
  name: 'tiny',
  version: '0.1.0',
  type: 'module',
  files: ['dist', 'README.md', 'LICENSE', 'CHANGELOG.md', '!dist/test'],
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
  ...REPOSITORY,
}
const FILES = {
  'README.md': '# tiny\n',
  LICENSE: 'MIT\n',
  'CHANGELOG.md': '# Changes\n\n## Unreleased\n\n### Added\n\n- Everything.\n\n## 0.0.1 - 2026-01-01\n\n- The name.\n',
  'dist/index.js': 'export const one = 1\n',
  'dist/index.d.ts': 'export declare const one = 1;\n',
  'package.json': json(MANIFEST),
  'package-lock.json': json({ name: 'tiny', version: '0.1.0', packages: { '': { name: 'tiny', version: '0.1.0' } } }),
}

let template = ''
let folder = ''

/** A repository with one commit, and the scripts of this one. */
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'celeriac-release-test-'))
  mkdirSync(join(template, 'dist'))
  for (const name of ['release.mjs', 'lib.mjs']) cpSync(join(scripts, name), join(template, 'scripts', name))
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(template, name), text)
  folder = template
  await git('init', '-q', '-b', 'main')
  await git('add', '.')
  await git('commit', '-q', '-m', 'tiny: everything')
})

afterAll(() => rmSync(template, { recursive: true, force: true }))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-release-test-'))
  cpSync(template, folder, { recursive: true })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function read(file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}

function git(...args: string[]): Promise<string> {
  return output('git', args, { cwd: folder, env })
}

function release(...args: string[]): Promise<CommandEnd> {
  return command(process.execPath, ['scripts/release.mjs', ...args], { cwd: folder, env })
}

test('a dry run changes nothing; a release: changelog, versions, one commit, one tag', async () => {
  const before = await git('rev-parse', 'HEAD')
  const dry = await release('0.1.0', '--dry-run')
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toMatch(/^The package of 0\.1\.0 has 6 files, .*\nDry run: nothing was changed\./)
  expect([await git('rev-parse', 'HEAD'), await git('status', '--porcelain'), await git('tag')]).toEqual([
    before,
    '',
    '',
  ])

  const { code, stdout, stderr } = await release('0.2.0')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /^The package of 0\.2\.0 has 6 files, .*\nCommitted and tagged v0\.2\.0\. Nothing was published/,
  )
  expect(stdout).toMatch(/\n {2}npm publish\n$/)
  expect(read('CHANGELOG.md')).toMatch(
    /^# Changes\n\n## Unreleased\n\n## 0\.2\.0 - \d{4}-\d\d-\d\d\n\n### Added\n\n- Everything\.\n\n## 0\.0\.1/,
  )
  expect(read('package.json')).toBe(json({ ...MANIFEST, version: '0.2.0' }))
  const lock = { version: '0.2.0', packages: { '': { version: '0.2.0' } } }
  expect(JSON.parse(read('package-lock.json'))).toMatchObject(lock)
  expect(await git('status', '--porcelain')).toBe('')
  expect(await git('log', '-1', '--format=%s', 'v0.2.0')).toBe('release: 0.2.0\n')
  expect(await git('cat-file', '-t', 'v0.2.0')).toBe('tag\n')
  expect(await release('0.2.0')).toMatchObject({ code: 1, stderr: 'the tag v0.2.0 exists already\n' })
})

describe('one line and an exit code, and nothing is changed', () => {
  test.each([[[]], [['next']], [['0.2.0', '0.3.0']]])('wrong use: %j', async (args) => {
    const stderr = 'usage: npm run release -- VERSION [--dry-run], as 0.2.0\n'
    expect(await release(...args)).toEqual({ code: 2, stdout: '', stderr })
  })

  const bare = (changes: object): Record<string, string> => ({ 'package.json': json({ ...MANIFEST, ...changes }) })
  test.each<[string, Record<string, string>, RegExp]>([
    ['a lower version', bare({ version: '0.10.0' }), /^expected a version from 0\.10\.0 on, got 0\.2\.0\n$/],
    [
      'nothing to release',
      { 'CHANGELOG.md': '# Changes\n\n## Unreleased\n\n## 0.1.0 - 2026-01-01\n\n- One.\n' },
      /^CHANGELOG\.md: expected entries under "## Unreleased"\n$/,
    ],
    ['no heading', { 'CHANGELOG.md': '# Changes\n' }, /^CHANGELOG\.md: expected a heading "## Unreleased"\n$/],
    [
      'a file that is not built',
      bare({ exports: { '.': './dist/index.js', './more': './dist/more.js' } }),
      /^the package has no dist\/more\.js\n$/,
    ],
    [
      'a file that does not belong to it',
      { 'dist/records.db': 'x' },
      /^the package has files that do not belong to it: dist\/records\.db\n$/,
    ],
    ['a failed build', bare({ scripts: { prepack: 'exit 3' } }), /^npm pack failed: .+\n$/],
    [
      'no public repository',
      bare({ bugs: undefined, repository: undefined }),
      /^package\.json: expected repository, bugs: a release needs the address of the public repository\n$/,
    ],
  ])('%s', async (_what, files, line) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    await git('add', '.')
    await git('commit', '-q', '--amend', '--no-edit')
    const { code, stderr } = await release('0.2.0')
    expect(stderr).toMatch(line)
    expect(code).toBe(1)
    expect(await git('status', '--porcelain')).toBe('')
    expect(await git('log', '--format=%s')).toBe('tiny: everything\n')
  })

  test('a working tree that is not clean', async () => {
    writeFileSync(join(folder, 'new.txt'), '')
    expect(await release('0.2.0')).toMatchObject({
      code: 1,
      stderr: 'the working tree is not clean: new.txt\n',
    })
  })

  test('a commit that is refused', async () => {
    writeFileSync(join(folder, '.git/hooks/pre-commit'), '#!/bin/sh\necho not today >&2\nexit 1\n', { mode: 0o755 })
    expect(await release('0.2.0')).toMatchObject({ code: 1, stderr: 'nothing was changed: not today\n' })
    expect(await git('status', '--porcelain')).toBe('')
  })
})
