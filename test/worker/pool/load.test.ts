import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isApp } from '../../../src/app/app.ts'
import { loadApp, moduleReference, moduleUrl } from '../../../src/app/loadApp.ts'
import { ConfigError } from '../../../src/std/errors.ts'

const url = (name: string): string => new URL(`./modules/${name}`, import.meta.url).href
const path = (name: string): string => fileURLToPath(url(name))

describe('loadApp', () => {
  it('takes `celeriac` before another app, and passes over an `app` that is none', async () => {
    expect((await loadApp(path('named.ts'))).config.name).toBe('celeriac')
  })

  it('takes the default export', async () => {
    expect((await loadApp(url('plain.mjs'))).config.name).toBe('main')
  })

  it('takes the only app, also when it is exported twice', async () => {
    expect((await loadApp(path('single.ts'))).config.name).toBe('mine')
  })

  it('refuses a module without an app, or with several, and names its exports', async () => {
    await expect(loadApp(path('none.ts'))).rejects.toThrow(
      /expected one app.*no app among its exports \((tasks, other|other, tasks)\)/,
    )
    await expect(loadApp(path('several.ts'))).rejects.toThrow(/several apps \(one, two\)/)
    await expect(loadApp(path('several.ts'))).rejects.toBeInstanceOf(ConfigError)
  })

  it('lets the error of the module through', async () => {
    await expect(loadApp(path('broken.ts'))).rejects.toThrow(new RangeError('not today'))
  })

  it('tells of a missing file, and of a URL that is none', async () => {
    await expect(loadApp('nowhere/tasks.ts')).rejects.toThrow(
      /expected a .ts or .js file, got .*tasks.ts: no such file/,
    )
    await expect(loadApp('nowhere/tasks.ts')).rejects.toBeInstanceOf(ConfigError)
    await expect(loadApp('file://host/tasks.ts')).rejects.toBeInstanceOf(ConfigError)
    expect(isApp({})).toBe(false)
  })
})

describe('module:name', () => {
  it('names the app, in this thread and for others; a file with a colon in its name comes first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'))
    const source = `import { App } from ${JSON.stringify(new URL('../../../src/app/app.ts', import.meta.url).href)}
      export const app = new App({ name: 'first', broker: 'memory:' })
      export const shop = new App({ name: 'second', broker: 'memory:' })
      export const text = ''`
    writeFileSync(join(folder, 'tasks.ts'), source)
    writeFileSync(join(folder, 'a:b.ts'), source)
    const path = join(folder, 'tasks')
    expect((await loadApp(path)).config.name).toBe('first')
    expect((await loadApp(`${path}:shop`)).config.name).toBe('second')
    const reference = moduleReference(`${path}:shop`)
    expect(reference).toBe(`${pathToFileURL(`${path}.ts`).href}:shop`)
    expect((await loadApp(reference)).config.name).toBe('second')
    expect(moduleReference(path)).toBe(pathToFileURL(`${path}.ts`).href)
    expect(moduleUrl(join(folder, 'a:b'))).toBe(pathToFileURL(join(folder, 'a:b.ts')).href)
    await expect(loadApp(`${path}:text`)).rejects.toThrow('expected its export text to be an app, got another value')
    await expect(loadApp(`${path}:none`)).rejects.toThrow('no such export among app, shop, text')
    await expect(loadApp('nowhere:app')).rejects.toThrow(/got .*nowhere: no such file/)
    rmSync(folder, { recursive: true })
  })
})

describe('moduleUrl', () => {
  it('finds the extension, keeps a query, and escapes what a URL cannot hold', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules #1 '))
    writeFileSync(join(folder, 'jobs.mjs'), '')
    const expected = pathToFileURL(join(folder, 'jobs.mjs')).href
    expect(moduleUrl(join(folder, 'jobs'))).toBe(expected)
    expect(moduleUrl(`${expected}?2`)).toBe(`${expected}?2`)
    expect(() => moduleUrl(folder)).toThrow(ConfigError)
    rmSync(folder, { recursive: true })
  })
})
