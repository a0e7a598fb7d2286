import { fileURLToPath } from 'node:url'
import { eventually } from '../../../test/wait.ts'
import { type Ended, Program } from '../../shared/test/program.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

/** The service as a child process. */
export class Running extends Program {
  private constructor(folder: string, flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
    super([MAIN, ...flags], folder, env)
  }

  /** Starts it with its store below `folder`, on a free port, and waits until it says where it is. */
  static async start(
    folder: string,
    flags: readonly string[] = [],
    env?: Readonly<Record<string, string>>,
  ): Promise<Running> {
    const running = new Running(folder, ['--port', '0', ...flags], env)
    ;[, running.url = ''] = await running.until(/^integral is at (\S+)/m)
    return running
  }

  /** Starts it and waits for its end. */
  static async toEnd(folder: string, flags: readonly string[]): Promise<Ended> {
    return await new Running(folder, flags).ended
  }

  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
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
}

/** A number in the job's place `result`. */
export async function resultOf(service: Running, id: number): Promise<number> {
  const { result } = await eventually(
    () => service.get(`/${id}`),
    (job) => 'result' in job || 'error' in job,
  )
  return result
}
