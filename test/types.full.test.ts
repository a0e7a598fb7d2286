import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { command } from './command.ts'

/*
 * What the types of workflows cost the compiler: 200 tasks, called one by one, and then the same in workflows too.
 * Counted by its instantiations of types, which are the same on every machine.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TASKS = 200
/** Tasks in one workflow. */
const SIZE = 10

const folder = mkdtempSync(join(ROOT, 'node_modules/.cache/types-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const DEFINITIONS = `import { Celeriac, chain, chord, group } from 'celeriac'
import { z } from 'zod'
const app = new Celeriac()
const sum = app.task('sum', (list: readonly number[]) => list.length)
${list(TASKS, definitionOf)}`
const CALLS = list(TASKS, (at) => `void t${at}.delay(${argumentsOf(at)})`)
const WORKFLOWS = list(TASKS / SIZE, (part) => {
  const tasks = Array.from({ length: SIZE }, (_, at) => part * SIZE + at)
  const complete = tasks.map((at) => `t${at}.s(${argumentsOf(at)})`)
  const steps = tasks.map((at, index) =>
    index === 0 ? complete[0] : `t${at}.s(${isObject(at) ? "{ title: 'a' }" : 2})`,
  )
  return `void chain(${steps.join(', ')}).delay()
void group([${complete.join(', ')}]).delay()
void chord([${complete.join(', ')}], sum.s()).delay()
void chain(group({ ${complete.map((member, at) => `m${at}: ${member}`).join(', ')} }), sum.s()).delay()
void t${part * SIZE}.map([1] as never).delay()`
})

function isObject(at: number): boolean {
  return at % 4 === 3
}

function definitionOf(at: number): string {
  if (!isObject(at)) return `export const t${at} = app.task('t${at}', (x: number, y: number) => x + y)`
  const input = "input: z.object({ n: z.number(), title: z.string() }), params: ['n', 'title'], output: z.number()"
  return `export const t${at} = app.task({ name: 't${at}', ${input}, run: ({ n }) => n })`
}

function argumentsOf(at: number): string {
  return isObject(at) ? "{ n: 1, title: 'a' }" : '1, 2'
}

function list(length: number, line: (at: number) => string): string {
  return `${Array.from({ length }, (_, at) => line(at)).join('\n')}\n`
}

/** What the compiler says of a program: no errors; how many types it instantiated; how long the check took. */
async function compile(name: string, code: string): Promise<{ instantiations: number; checkTime: string }> {
  const file = join(folder, `${name}.ts`)
  writeFileSync(file, code)
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--allowImportingTsExtensions']
  const target = ['--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable', '--types', 'node']
  const args = [compiler, ...flags, ...target, '--customConditions', 'source', '--extendedDiagnostics', file]
  const { stdout } = await command(process.execPath, args, { cwd: ROOT, limit: 300_000 })
  expect(stdout.split('\n').filter((line) => line.includes(`${name}.ts`) && line.includes('error'))).toEqual([])
  const [, count = ''] = /^Instantiations: +(\d+)$/m.exec(stdout) ?? []
  const [, checkTime = ''] = /^Check time: +(\S+)$/m.exec(stdout) ?? []
  expect(count).not.toBe('')
  return { instantiations: Number(count), checkTime }
}

it('200 tasks in 80 workflows: at most 100 instantiations more for each step', async () => {
  const calls = await compile('calls', DEFINITIONS + CALLS)
  const workflows = await compile('workflows', DEFINITIONS + CALLS + WORKFLOWS)
  console.log({ calls, workflows })
  const steps = 4 * TASKS
  expect((workflows.instantiations - calls.instantiations) / steps).toBeLessThan(100)
  expect(workflows.instantiations).toBeLessThan(1.5 * calls.instantiations)
}, 600_000)
