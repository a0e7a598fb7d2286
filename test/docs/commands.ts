import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { type Ended, Running } from '../cli/harness.ts'
import type { Command, Document } from './document.ts'

/*
 * The commands by which the examples' READMEs start something, in the repository's folder. Only the port is a free one, and addresses of
 * servers are those of the test.
 */

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const NPM: Readonly<Record<string, readonly string[]>> = {
  'npm start --': ['scripts/start.mjs'],
  'npm run celeriac --': ['scripts/run.mjs', 'src/cli/main.ts'],
  node: [],
}

/** Start a command of npm or Node: `FLAG=VALUE npm start -- …`. `here` says for a word what it is in this test. */
export function startCommand(
  { words }: Command,
  env: Readonly<Record<string, string>>,
  { here = (word) => word, more = [] }: { here?: (word: string) => string; more?: readonly string[] } = {},
): Running {
  const own = words.filter((word) => /^[A-Z_]+=/.test(word)).map(here)
  const [start, script] = entryOf(words.slice(own.length).join(' '))
  const rest = words.slice(own.length + start.split(' ').length).map(here)
  const variables = Object.fromEntries(own.map((word) => [word.slice(0, word.indexOf('=')), word.replace(/^\w+=/, '')]))
  const running = new Running(process.execPath, [...script, ...rest, ...more], ROOT, { ...env, ...variables })
  // The script passes the signal on; killed, it could not.
  onTestFinished(async () => {
    running.child.kill('SIGTERM')
    await running.ended
  })
  return running
}

function entryOf(line: string): [string, readonly string[]] {
  const found = Object.entries(NPM).find(([start]) => line.startsWith(`${start} `))
  if (!found) throw new Error(`expected a command of npm or node, got ${line}`)
  return [found[0], found[1]]
}

/** Where it serves, once it does. */
export async function addressOf(running: Running): Promise<string> {
  const at = /(?: is at |HTTP API at )(http:\/\/[\w.:]+\d)/
  await running.until(at)
  return at.exec(running.stdout)?.[1] ?? ''
}

/** What it printed, when it has ended well. */
export async function printed(running: Running): Promise<string> {
  const { code, stdout, stderr } = await running.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

export async function stop(...running: readonly Running[]): Promise<void> {
  for (const { child } of running) child.kill('SIGTERM')
  const ends: Ended[] = await Promise.all(running.map((one) => one.ended))
  expect(ends.map((end) => end.code)).toEqual(running.map(() => 0))
}

/** Expects that this many blocks of TypeScript stand in an example's README, and each of them in its files, but for the layout. */
export function expectCode(readme: Document, example: string, blocks: number): void {
  const folder = join(ROOT, 'examples', example)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const flat = (text: string): string => text.replace(/\s+/g, ' ').trim()
  const code = flat(files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n'))
  expect(readme.code('ts')).toHaveLength(blocks)
  for (const block of readme.code('ts')) expect(code).toContain(flat(block))
}
