import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from '../../../test/wait.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Programs that run in a temporary folder, in which they keep their files; all end with it. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'example-'))
  readonly env: Readonly<Record<string, string>>
  readonly #programs: Program[] = []

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.env = env
  }

  /** A script of the repository, by its path. */
  run(script: string, args: readonly string[]): Program {
    const program = new Program([join(ROOT, script), ...args], this.path, this.env)
    this.#programs.push(program)
    return program
  }

  /** `npm start -- NAME`, on a free port unless told, once it is up and its worker is ready. */
  async start(name: string, ...flags: string[]): Promise<Program> {
    const program = this.run(`examples/${name}/main.ts`, ['--port', '0', ...flags])
    ;[, program.url = ''] = await program.until(new RegExp(`^${name} is at (http://[\\w.:]+\\d)`, 'm'))
    await program.until(/ ready/)
    return program
  }

  /** `celeriac serve`, once it listens. */
  async serve(module: string, port = 0): Promise<Program> {
    const program = this.run('src/cli/main.ts', ['serve', '-A', join(ROOT, 'examples', module), '--port', String(port)])
    ;[, program.url = ''] = await program.until(/^HTTP API at (\S+)/m)
    return program
  }

  /** `celeriac worker` with threads, once it is ready. */
  async work(module: string): Promise<Program> {
    const args = ['worker', '-A', join(ROOT, 'examples', module), '--pool', 'threads', '--concurrency', '1']
    const program = this.run('src/cli/main.ts', args)
    await program.until(/ ready/)
    return program
  }

  /** End whatever runs, and remove the folder. */
  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.end('SIGKILL')))
    // What a killed parent leaves ends by itself, a moment later.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

/** A program in a process of its own. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Where it serves, once it does. */
  url = ''
  stdout = ''
  stderr = ''
  #look: () => void = () => undefined

  constructor(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [...process.execArgv, ...args], { cwd, env: { ...process.env, ...env } })
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
        this[stream] += chunk
        this.#look()
      })
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
        this.#look()
      })
    })
  }

  /** Resolves when what it wrote matches; rejects when it ended before, or after `limit` ms. */
  until(pattern: RegExp, limit?: number): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#look = () => {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr)
        if (found) resolve(found)
        else if (this.child.exitCode !== null)
          reject(new Error(`ended before ${pattern}: ${this.stdout}${this.stderr}`))
      }
      this.#look()
    })
    return within(() => `${pattern} in ${this.stdout}${this.stderr}`, found, limit)
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal)
    return await this.ended
  }

  async fetch(path: string, options: RequestInit = {}): Promise<Response> {
    try {
      return await fetch(this.url + path, options)
    } catch (error) {
      throw new Error(`${path} cannot be fetched: ${this.stdout}${this.stderr}`, { cause: error })
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
  async json(path: string, options: RequestInit = {}): Promise<any> {
    return await (await this.fetch(path, options)).json()
  }
}
