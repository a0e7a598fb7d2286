import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** A program that ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The service as a child process. */
export class Running {
  readonly #child: ChildProcess
  readonly #ended: Promise<Ended>
  #stdout = ''
  #stderr = ''
  url = ''

  private constructor(folder: string, flags: readonly string[], env: Record<string, string>) {
    this.#child = spawn(process.execPath, [...process.execArgv, MAIN, ...flags], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => this.#hear({ stdout: chunk }))
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#hear({ stderr: chunk }))
    this.#ended = once(this.#child, 'close').then(([code, signal]) => ({
      code,
      signal,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }))
  }

  /** Starts it with its store below `folder`, on a free port, and waits until it says where it is. */
  static async start(
    folder: string,
    flags: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<Running> {
    const running = new Running(folder, ['--port', '0', ...flags], env)
    running.url = await running.#address()
    return running
  }

  /** Starts it and waits for its end. */
  static async toEnd(folder: string, flags: readonly string[]): Promise<Ended> {
    return await new Running(folder, flags, {}).#ended
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits for its end. */
  ended(): Promise<Ended> {
    return this.#ended
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.kill(signal)
    return await this.#ended
  }

  /** `PUT /`; resolves to the job's number. */
  async put(body: unknown): Promise<number> {
    const response = await this.request('PUT', '/', body)
    if (response.status !== 200) throw new Error(`PUT / answered ${response.status}: ${await response.text()}`)
    return ((await response.json()) as { result: number }).result
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON, which the tests compare.
  async get(path: string): Promise<any> {
    return await (await this.request('GET', path)).json()
  }

  request(method: string, path: string, body?: unknown): Promise<Response> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body)
    return fetch(this.url + path, { method, body: text, headers: { 'content-type': 'application/json' } })
  }

  #hear({ stdout = '', stderr = '' }: { stdout?: string; stderr?: string }): void {
    this.#stdout = this.#stdout + stdout
    this.#stderr = this.#stderr + stderr
  }

  #address(): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const [, url] = /^integral is at (\S+)/m.exec(this.#stdout) ?? []
        if (url !== undefined) resolve(url)
      }
      this.#child.stdout?.on('data', look)
      void this.#ended.then(({ code, stderr }) => reject(new Error(`the service ended with ${code}: ${stderr}`)))
    })
  }
}

/** Asks every 20 ms until the answer satisfies; fails after `limit` ms with the last answer. */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  satisfies: (value: Value) => boolean,
  limit = 20_000,
): Promise<Value> {
  const until = performance.now() + limit
  for (;;) {
    const value = await ask()
    if (satisfies(value)) return value
    if (performance.now() > until) throw new Error(`not within ${limit} ms; last: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A number in the job's place `result`. */
export async function resultOf(service: Running, id: number): Promise<number> {
  const { result } = await eventually(
    () => service.get(`/${id}`),
    (job) => 'result' in job || 'error' in job,
  )
  return result
}
