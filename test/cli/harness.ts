import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { CallOptions } from '../../src/config/callOptions.ts'
import { createLogger } from '../../src/std/log.ts'
import { within } from '../wait.ts'
import { Commands, type Ended, FLAGS } from './commands.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'src/cli/main.ts')

const commands = new Commands()

export const TASKS = `
import { Celeriac, currentTask } from 'celeriac'
import { setTimeout as sleep } from 'node:timers/promises'

export const app = new Celeriac({ name: 'shop', unknownTaskTimeout: 0 })
const schema = { '~standard': { version: 1, vendor: 'test', validate: (value) =>
  typeof value.size === 'number' ? { value } : { issues: [{ message: 'expected a number', path: ['size'] }] } } }

app.task('add', (x, y) => x + y)
app.task('boom', () => { throw new TypeError('no such thing') })
app.task('reports.render', () => 'rendered', { queue: 'reports' })
app.task({ name: 'measure', input: schema, run: ({ size }) => size * 2 })
app.task('stray', () => { void Promise.reject(new Error('forgotten')); return 'ok' })
app.task('slow', async (steps) => {
  const task = currentTask()
  for (let step = 1; step <= steps; step++) {
    await sleep(50)
    await task.progress(step / steps)
  }
  return steps
})
app.task('forever', async () => {
  const task = currentTask()
  for (;;) {
    await sleep(20)
    await task.progress(0.5)
  }
})
`

export type { Ended } from './commands.ts'

/** A temporary folder with a task module, in which `celeriac` is this repository; removed after the test. */
export function project(files: Readonly<Record<string, string>> = { 'tasks.ts': TASKS }): string {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-cli-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/celeriac'))
  const all = { 'package.json': '{"type": "module"}', ...files }
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A command that runs. */
export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #check: () => void = () => undefined

  constructor(file: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(file, args, { cwd, env: { ...process.env, ...env } })
    this.child.stdout?.on('data', (chunk) => this.#add('stdout', chunk))
    this.child.stderr?.on('data', (chunk) => this.#add('stderr', chunk))
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr })
        this.#check()
      })
    })
    onTestFinished(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Resolves when the output, of both streams, has so many matches. */
  async until(pattern: RegExp, count = 1): Promise<void> {
    const all = new RegExp(pattern, 'g')
    const written = new Promise<void>((resolve, reject) => {
      this.#check = () => {
        const text = this.stdout + this.stderr
        if ((text.match(all)?.length ?? 0) >= count) resolve()
        else if (this.child.exitCode !== null) reject(new Error(`ended before ${pattern}: ${text}`))
      }
      this.#check()
    })
    await within(() => `${count} times ${pattern} in ${this.stdout}${this.stderr}`, written)
  }

  #add(stream: 'stdout' | 'stderr', chunk: unknown): void {
    this[stream] += String(chunk)
    this.#check()
  }
}

/** `celeriac ...args` as the words of a command. */
export function wordsOf(args: readonly string[]): string[] {
  return [process.execPath, ...FLAGS, main, ...args]
}

/** Start `celeriac ...args` in a folder. */
export function start(cwd: string, args: readonly string[], env?: Readonly<Record<string, string>>): Running {
  const [file = '', ...words] = wordsOf(args)
  return new Running(file, words, cwd, env)
}

/** Start it at a terminal of its own; all output is then on `stdout`. */
export function startAtTerminal(cwd: string, args: readonly string[]): Running {
  const script = 'import pty, os, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
  return new Running('/usr/bin/python3', ['-c', script, ...wordsOf(args)], cwd)
}

interface RunOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Run `celeriac ...args` to its end, with `input` on its standard input. */
export function run(cwd: string, args: readonly string[], { input = '', env = {} }: RunOptions = {}): Promise<Ended> {
  const running = start(cwd, args, env)
  running.child.stdin?.end(input)
  return running.ended
}

/**
 * The same in a process that runs many commands, one after the other: a tenth of the processor time. Not for tests of
 * the process itself, as of the modules that it loads, and not for a command that waits for the next one.
 */
export function runShared(
  cwd: string,
  args: readonly string[],
  { input = '', env = {} }: RunOptions = {},
): Promise<Ended> {
  return commands.run({ cwd, args, env, input })
}

/**
 * Send a task to the default store of a folder, or to `broker`, as `celeriac call` does there: for tests of other
 * commands, as a process takes a quarter of a second of processor time to start.
 */
export async function send(
  folder: string,
  task: string,
  args: readonly unknown[] = [],
  { broker = `sqlite:${join(folder, '.celeriac/celeriac.db')}`, ...options }: CallOptions & { broker?: string } = {},
): Promise<void> {
  const app = new App({ broker, logger: createLogger('silent') })
  try {
    await app.send(task, [...args], options)
  } finally {
    await app.close()
  }
}

/** A worker of the project's tasks, once it is ready. */
export async function startWorker(cwd: string, ...args: string[]): Promise<Running> {
  const worker = start(cwd, ['worker', '-A', 'tasks.ts', ...args])
  await worker.until(/ ready/)
  return worker
}
