import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import { defaultStore, type Surroundings } from '../../src/config/defaultStore.ts'
import { createLogger } from '../../src/std/log.ts'
import { sqliteUrl } from '../../src/stores/sqlite/url.ts'
import { StandaloneSqliteBroker } from '../stores/standalone.ts'

const execute = promisify(execFile)

/** Folders of one machine: an application, another, and a folder that is no package. */
const FILES = {
  'app/package.json': '{"name": "app"}',
  'app/main.ts': '',
  'app/src/tasks.ts': '',
  'app/dist/package.json': '{"type": "module"}',
  'app/dist/main.js': '',
  'app/node_modules/celeriac/package.json': '{"name": "celeriac"}',
  'app/node_modules/celeriac/dist/cli/main.js': '',
  'app/node_modules/vitest/dist/workers/forks.js': '',
  'other/package.json': '{"name": "other"}',
  'other/sub/file.ts': '',
  'plain/script.ts': '',
  'plain/sub/tasks.ts': '',
  'nameless/package.json': '{"type": "module"}',
  'nameless/node_modules/x/index.js': '',
  'nameless/src/main.ts': '',
  'broken/package.json': '{',
  'broken/main.ts': '',
}

let root = ''
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'celeriac-store-')))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  mkdirSync(join(root, 'app/node_modules/.bin'))
  symlinkSync(join(root, 'app/node_modules/celeriac/dist/cli/main.js'), join(root, 'app/node_modules/.bin/celeriac'))
  mkdirSync(join(root, 'bin'))
  symlinkSync(join(root, 'app/node_modules/celeriac/dist/cli/main.js'), join(root, 'bin/celeriac'))
  symlinkSync(join(root, 'app/main.ts'), join(root, 'bin/app'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function at(path: string): string {
  return join(root, path)
}

function storeIn(folder: string): string {
  return sqliteUrl(join(root, folder, '.celeriac/celeriac.db'))
}

function placeOf(given: Partial<Surroundings> & { cwd: string }): string {
  const { folder, main, cwd } = given
  const one = {
    folder: folder === undefined ? undefined : at(folder),
    main: main?.includes('/') ? at(main) : main,
    execArgv: given.execArgv ?? [],
    cwd: at(cwd),
  }
  return defaultStore(one).url
}

describe('the default store belongs to the application', () => {
  it.each([
    // [what runs, given, the folder of the store]
    ['node main.ts in the application', { main: 'app/main.ts', cwd: 'app' }, 'app'],
    ['node main.ts in a folder of it', { main: 'app/main.ts', cwd: 'app/src' }, 'app'],
    ['node ../app/main.ts elsewhere', { main: 'app/main.ts', cwd: 'plain' }, 'app'],
    ['node ../app/main.ts in another application', { main: 'app/main.ts', cwd: 'other/sub' }, 'app'],
    ['node . (a folder as main)', { main: 'app/.', cwd: 'other' }, 'app'],
    ['node main, without the extension', { main: 'app/main', cwd: 'other' }, 'app'],
    ['a main file behind a link', { main: 'bin/app', cwd: 'plain' }, 'app'],
    ['a bundle below dist, which has a package.json without a name', { main: 'app/dist/main.js', cwd: 'plain' }, 'app'],
    ['celeriac -A tasks.ts', { folder: 'app/src', main: 'app/node_modules/.bin/celeriac', cwd: 'app/src' }, 'app'],
    ['celeriac -A ../app/src/tasks.ts elsewhere', { folder: 'app/src', main: 'bin/celeriac', cwd: 'other' }, 'app'],
    ['npx celeriac status, without a module', { folder: 'app/src', main: 'bin/celeriac', cwd: 'app/src' }, 'app'],
    ['a tool that is installed: vitest', { main: 'app/node_modules/vitest/dist/workers/forks.js', cwd: 'app' }, 'app'],
    ['the same in a folder of the application', { main: 'app/node_modules/.bin/celeriac', cwd: 'app/src' }, 'app'],
    ['a tool that is installed for all, behind a link', { main: 'bin/celeriac', cwd: 'other/sub' }, 'other'],
    ['node -e', { main: undefined, execArgv: ['-e', 'x'], cwd: 'app/src' }, 'app'],
    ['node -e, with a path as argument', { main: 'other/sub/file.ts', execArgv: ['-e', 'x'], cwd: 'app' }, 'app'],
    ['node --print', { main: 'other/sub/file.ts', execArgv: ['--print', 'x'], cwd: 'app' }, 'app'],
    ['a REPL', { main: undefined, cwd: 'other/sub' }, 'other'],
    ['a program from standard input', { main: '-', cwd: 'other' }, 'other'],
    ['a worker thread of a text', { main: '[worker eval]', cwd: 'other' }, 'other'],
    ['a script in no package', { main: 'plain/script.ts', cwd: 'plain/sub' }, 'plain/sub'],
    ['a module in no package', { folder: 'plain/sub', cwd: 'plain' }, 'plain'],
    ['a package without a name', { main: 'nameless/src/main.ts', cwd: 'plain' }, 'nameless'],
    ['a package.json that is damaged', { main: 'broken/main.ts', cwd: 'plain' }, 'broken'],
  ] as const)('%s', (_, given, folder) => {
    expect(placeOf(given)).toBe(storeIn(folder))
  })

  it('a store in the working directory is used on, with a warning that names both', () => {
    mkdirSync(at('other/.celeriac'))
    writeFileSync(at('other/.celeriac/celeriac.db'), '')
    try {
      const found = defaultStore({ main: at('app/main.ts'), execArgv: [], cwd: at('other') })
      expect(found.url).toBe(storeIn('other'))
      expect(found.warning).toContain(at('other/.celeriac/celeriac.db'))
      expect(found.warning).toContain(at('app/.celeriac/celeriac.db'))
      // The application's own is no surprise.
      expect(defaultStore({ main: at('other/sub/file.ts'), execArgv: [], cwd: at('other') }).warning).toBeUndefined()
    } finally {
      rmSync(at('other/.celeriac'), { recursive: true })
    }
  })

  it('an app under vitest has it in the package; one that names a broker has no default', () => {
    const app = new App({ logger: createLogger('silent') })
    expect(app.config.broker.reveal()).toBe(
      sqliteUrl(fileURLToPath(new URL('../../.celeriac/celeriac.db', import.meta.url))),
    )
    app.configure({}, at('app/src'))
    expect(app.config.broker.reveal()).toBe(storeIn('app'))
    app.configure({ broker: 'memory:' }, at('app/src'))
    expect([app.config.broker.reveal(), app.config.storeWarning]).toEqual(['memory:', undefined])
  })

  it('a program makes it there, not in the working directory; it warns where one is there already', async () => {
    const source = JSON.stringify(new URL('../../src/app/app.ts', import.meta.url).href)
    const program = `import { App } from ${source}
      const app = new App()
      await app.queueSize()
      await app.queueSize()
      console.log(app.config.broker.reveal())
      await app.close()`
    writeFileSync(at('app/main.ts'), program)
    const run = (cwd: string) => execute(process.execPath, ['--conditions=source', at('app/main.ts')], { cwd: at(cwd) })
    const first = await run('plain')
    expect(first.stdout.trim()).toBe(storeIn('app'))
    expect(existsSync(at('app/.celeriac/celeriac.db'))).toBe(true)
    expect(existsSync(at('plain/.celeriac'))).toBe(false)
    mkdirSync(at('plain/.celeriac'))
    renameSync(at('app/.celeriac/celeriac.db'), at('plain/.celeriac/celeriac.db'))
    const second = await run('plain')
    expect(second.stdout.trim()).toBe(storeIn('plain'))
    expect(second.stderr.match(/the application's own would be/g)).toHaveLength(1)
    expect(first.stderr).not.toContain('would be')
  })

  it.each(['a b', 'ü', 'what?', '100%', 'a%20b', 'x#y'])('in a folder %s: the URL is read back', (name) => {
    const path = join(root, name, 'celeriac.db')
    mkdirSync(dirname(path), { recursive: true })
    const broker = new StandaloneSqliteBroker(sqliteUrl(path), { lease: 30_000 })
    expect(broker.file.path).toBe(path)
    expect(broker.url).toBe(sqliteUrl(path))
    return broker.close()
  })
})
