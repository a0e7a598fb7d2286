import { spawn } from 'node:child_process'
import { delimiter, dirname } from 'node:path'

export interface CommandOptions {
  readonly cwd?: string
  /** Default: `shellEnv()`. */
  readonly env?: NodeJS.ProcessEnv
  /** What the program reads on its standard input. */
  readonly input?: string
  /** Longest time, ms; then the program and its children are killed and the promise rejects. Default 60,000. */
  readonly limit?: number
}

export interface CommandEnd {
  /** Undefined: the program is not installed. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** What the runner of the tests and npm set for the processes that they start. */
const RUNNERS = /^(?:NODE_OPTIONS|NODE_ENV|INIT_CWD|VITEST.*|npm_(?:lifecycle|package)_.*|npm_config_local_prefix)$/

/**
 * The environment of a shell in a user's own project: all variables of this process, so that certificates, proxies and
 * the registry's settings reach a child, but those of the test runner; this Node is first on the PATH.
 */
export function shellEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const own = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter), ...more }
  return Object.fromEntries(
    Object.entries(own).filter((entry): entry is [string, string] => !RUNNERS.test(entry[0]) && entry[1] !== undefined),
  )
}

/** Run a program to its end. Rejects when it takes longer than its limit, with all that it wrote. */
export function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const { cwd, env = shellEnv(), input = '', limit = 60_000 } = options
  // A group of its own, so that the limit ends its children too.
  const child = spawn(file, args, { cwd, env, detached: true })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk
    })
  }
  // A program that ends without reading its input says why by its exit code.
  child.stdin.on('error', () => undefined).end(input)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${file} ${args.join(' ')}: still running after ${limit} ms\n${texts.stdout}${texts.stderr}`))
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, limit)
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (error.code === 'ENOENT') resolve({ code: undefined, stdout: '', stderr: error.message })
      else reject(error)
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (signal === null) resolve({ code: code ?? 1, ...texts })
      else reject(new Error(`${file} ${args.join(' ')}: ended by ${signal}\n${texts.stdout}${texts.stderr}`))
    })
  })
}

/** Run a program that must end well; what it wrote to its standard output. Rejects with all that it wrote. */
export async function output(file: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, stdout, stderr } = await command(file, args, options)
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
  return stdout
}
