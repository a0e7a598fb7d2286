import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { project, Running, start } from '../cli/harness.ts'
import type { Command } from './document.ts'

/*
 * A reader who does what a page says, in a folder of their own. Only the port is a free one, and `npx celeriac` is the
 * program of this repository.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A folder as after `npm install celeriac zod`, with these files. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = project({ 'package.json': '{"type": "module"}', ...files })
  symlinkSync(join(ROOT, 'node_modules/zod'), join(folder, 'node_modules/zod'))
  mkdirSync(join(folder, 'node_modules/@types'))
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'))
  return folder
}

/** The arguments of `npx celeriac`. */
export function celeriac({ words }: Command): readonly string[] {
  expect(words.slice(0, 2)).toEqual(['npx', 'celeriac'])
  return words.slice(2)
}

/** A command that serves, once it does. */
export async function serve(folder: string, command: Command): Promise<{ base: string; server: Running }> {
  const port = command.words.includes('--port') ? [] : ['--port', '0']
  const args = celeriac(command).map((word, at, all) => (all[at - 1] === '--port' ? '0' : word))
  const server = start(folder, [...args, ...port])
  const address = /(?: \.> |HTTP API at )(http:\/\/[\w.:]+)/
  await server.until(address)
  const [, base = ''] = address.exec(server.stdout + server.stderr) ?? []
  return { base, server }
}

/** Run a module of the folder to its end; what it printed. */
export async function node(folder: string, file: string): Promise<string> {
  const { code, stdout, stderr } = await new Running(process.execPath, [...process.execArgv, file], folder).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** The compiler's complaints about the files of the folder, with the page's own options if it has some; those about our own are told elsewhere. */
export async function typeErrors(folder: string, files: readonly string[], own?: object): Promise<string[]> {
  const usual = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, allowImportingTsExtensions: true }
  const compilerOptions = {
    ...(own ?? { ...usual, types: ['node'] }),
    // The sources of this repository stand for the package.
    customConditions: ['source'],
    lib: ['es2024', 'esnext.disposable'],
    skipLibCheck: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = await new Running(process.execPath, [compiler, '-p', '.', '--pretty', 'false'], folder).ended
  return stdout.split('\n').filter((line) => /^[\w.]+\(.*error TS/.test(line))
}
